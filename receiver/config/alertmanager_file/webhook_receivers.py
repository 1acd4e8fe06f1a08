"""Alertmanager's webhooks that point to this service, and whether the service would accept them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from receiver.config.alertmanager_file.routes import Routing, truth
from receiver.config.config_errors import Path, Problem, nearest
from receiver.config.loader.config_draft import Draft
from receiver.config.settings.service_settings import Scope
from receiver.triage.safe_text import quoted

WEBHOOK_PATH = "/webhooks/alertmanager"
"""The path for notifications."""
LONGEST = 2 * len(WEBHOOK_PATH)
"""Characters of an address that are compared with it."""
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_]\w*|\{\{.*?\}\}|<[^<>]+>|%\w+%|ENC\[.*\]")
"""Placeholders that are filled in before Alertmanager reads the file: `${NAME}`, `$(NAME)`, `{{ name }}`, `<name>`."""


def webhooks(routing: Routing) -> dict[str, list[Path]]:
    """Return the webhooks that point to this service, by name of their receiver; an address in a file may do so too."""
    found: dict[str, list[Path]] = {}
    for name, path in routing.receivers.items():
        for place in _configs(routing, path):
            url = routing.value((*place, "url"))
            if (_path(url) or "").endswith(WEBHOOK_PATH) or (url is None and routing.value((*place, "url_file"))):
                found.setdefault(name, []).append(place)
    return found


def named(routing: Routing, places: list[Path]) -> bool:
    """Return whether the file itself has the address of one of these webhooks, rather than a secret."""
    return any(routing.value((*place, "url")) is not None for place in places)


def near(routing: Routing) -> Iterator[tuple[Path, str]]:
    """Yield the webhooks whose address of this service is nearly correct: the place of the address, and its path."""
    for path in routing.receivers.values():
        for place in _configs(routing, path):
            said = _path(routing.value((*place, "url")))
            if said and not said.endswith(WEBHOOK_PATH) and nearest(said[-LONGEST:], [WEBHOOK_PATH]):
                yield (*place, "url"), said


def unwise(routing: Routing, place: Path, draft: Draft) -> Iterator[Problem]:
    """Yield warnings about one webhook."""
    document = routing.document
    url = routing.value((*place, "url"))
    prefix = (_path(url) or "").removesuffix(WEBHOOK_PATH)
    served = {"", _path(draft.sections.service.public_url) or "", draft.sections.server.public_path or ""}
    if prefix not in served and not _PLACEHOLDER.search(str(url)):
        said = (
            f"this service has no path {quoted(prefix + WEBHOOK_PATH, 80)}: a proxy in front of it must strip {prefix}"
        )
        yield document.problem((*place, "url"), said, f"write {WEBHOOK_PATH}, or set service.public_url")
    if not truth(routing.value((*place, "send_resolved")), default=True):
        said = "nothing reports when an alert ends, so its incident stays open"
        yield document.problem((*place, "send_resolved"), said, "write send_resolved: true, or remove it")
    most = routing.value((*place, "max_alerts"))
    if str(most or "0").strip() not in ("", "0"):
        said = f"alerts of a group beyond {most} are left out, and so are their severity, their tenants and their end"
        yield document.problem((*place, "max_alerts"), said, "remove it: a notification may have ten thousand alerts")


def refused(routing: Routing, place: Path, draft: Draft) -> Iterator[Problem]:
    """Yield the reasons why this service would refuse the webhook's requests."""
    document, tokens = routing.document, draft.sections.auth.tokens
    if not tokens:
        return
    settings = (*place, "http_config")
    if routing.value(settings) is None and routing.value(("global", "http_config")) is not None:
        settings = ("global", "http_config")
    where, sent = _credentials(routing, settings, place)
    if where is None:
        hint = "write http_config: {authorization: {credentials_file: PATH}} with a token whose scope is ingest"
        yield document.problem(place, "no token is sent: every notification gets a 401", hint)
        return
    taken = {token.token.get_secret_value() for token in tokens if Scope.INGEST in token.scopes} - {""}
    if not any(Scope.INGEST in token.scopes for token in tokens):
        said = "no token under auth.tokens has the scope ingest: every notification gets a 403"
        yield document.problem(where, said, "give Alertmanager a token that has it")
    elif sent is not None and taken and sent not in taken and not _PLACEHOLDER.search(sent):
        said = "the token is not one with the scope ingest under auth.tokens: every notification gets a 401"
        yield document.problem(where, said, "write the same token in both files")


def _configs(routing: Routing, path: Path) -> Iterator[Path]:
    entries = routing.value((*path, "webhook_configs"))
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (*path, "webhook_configs", index)


def _path(url: Any) -> str | None:
    if not isinstance(url, str):
        return None
    try:
        return urlsplit(_PLACEHOLDER.sub("x", url)).path.rstrip("/")
    except ValueError:
        return None


def _credentials(routing: Routing, settings: Path, place: Path) -> tuple[Path | None, str | None]:
    """Return the place and the value of the credentials; None if they are in a separate file."""
    for keys in (("authorization", "credentials"), ("basic_auth", "password"), ("bearer_token",)):
        inner: Path = (*settings, *keys)
        if routing.value(inner) is not None:
            return inner, str(routing.value(inner))
        in_file: Path = (*inner[:-1], f"{inner[-1]}_file")
        if routing.value(in_file) is not None:
            return in_file, None
    # Other settings (custom headers, OAuth 2, a proxy) may carry credentials that are unknown here.
    for key in ("http_headers", "oauth2"):
        if routing.value((*settings, key)) is not None:
            return (*settings, key), None
    url = routing.value((*place, "url"))
    password = urlsplit(url).password if isinstance(url, str) and "@" in url else None
    if password is not None or url is None:
        return (*place, "url"), unquote(password) if password is not None else None
    return None, None
