"""Pages for people: templates of this package, with untrusted text escaped, and styles and scripts named by hash."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from receiver.model.base import rfc3339
from receiver.model.incident.event import heading
from receiver.model.visible_text import BLANK
from receiver.web.http.error_responses import BARE

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

MINUTE, DAY = 60, 24
CUT = 500
"""Maximum length of an untrusted text on a page."""
OWN_STYLE, OWN_SCRIPT = "own_style", "own_script"
"""Values of a page with its own inline style and script."""
CONSOLE = "console/"
"""The folder of the console's templates, which may load its style sheet and its script."""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='7' fill='%231f6b3a'/%3E%3Ccircle cx='16' cy='16' r='7' fill='white'/%3E%3C/svg%3E"
)
"""The icon of pages without a count; without an icon, browsers request `/favicon.ico`."""
ASSETS = {"console.css": "text/css", "console.js": "text/javascript"}
TEMPLATES = (
    *(
        f"{CONSOLE}{name}.html"
        for name in (
            "frame", "parts", "incidents", "incident", "cached_incident", "confirm", "document", "oncall", "status",
            "status_internal", "system", "reports", "month", "error", "sessions",
        )
    ),
    "base.html", "docs.html", "login.html", "redirect.html", "status.html", "status_component.html",
    "status_frame.html", "status_history.html", "status_incident.html", "status_parts.html",
    "status_subscription.html",
)  # fmt: skip


def _own(style: str, script: str) -> str:
    # A page with its own style and script loads images from this host, and nothing else.
    return (
        f"default-src 'none'; style-src '{_hash_of(style)}'; script-src '{_hash_of(script)}'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


@lru_cache(maxsize=8)
def _hash_of(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _packaged(folder: str, name: str) -> str:
    return resources.files("receiver.web").joinpath(folder, name).read_text("utf-8")


def shown(text: object, limit: int = CUT) -> str:
    """Return `text` on one line, cut; characters that cannot be printed (such as controls) become middle dots."""
    line = str(text)[: limit + 1]
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return "".join(one if one.isprintable() and one not in BLANK else "·" for one in line)


def at(moment: datetime | None) -> str:
    """Return a time in UTC to the second for people; a dash for none."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "–"  # noqa: RUF001


def hour(moment: datetime | None, now: datetime) -> str:
    """Return a time in UTC to the minute, without the date if it is that of `now`; a dash for none."""
    if moment is None:
        return "–"  # noqa: RUF001
    there = moment.astimezone(UTC)
    same = there.date() == now.astimezone(UTC).date()
    return f"{there:%H:%M} UTC" if same else f"{there:%Y-%m-%d %H:%M} UTC"


def span(seconds: float | None) -> str:
    """Return a duration in its two largest units, such as `3 min` or `2 h 5 min`; a dash for none."""
    if seconds is None:
        return "–"  # noqa: RUF001
    left = max(0, round(seconds))
    if left < MINUTE:
        return f"{left} s"
    minutes = round(left / MINUTE)
    if minutes < MINUTE:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, MINUTE)
    if hours < DAY:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, DAY)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _coded(text: str) -> Markup:
    """Return `text` with text between backticks as code."""
    from markupsafe import Markup  # noqa: PLC0415  (as Jinja2, for the first page that someone opens)

    parts = str(text).split("`")
    # With an odd number of backticks, the last one has no partner.
    made = [
        Markup("<code>{}</code>").format(part) if place % 2 and place < len(parts) - 1 else Markup("{}").format(part)
        for place, part in enumerate(parts)
    ]
    return Markup("").join(made)


class HtmlPages:
    """The templates, read once: serving opens no file."""

    def __init__(self, root: Callable[[], str] = lambda: "") -> None:
        """Read every template now, so that a missing one is noticed at startup.

        `root`: the prefix of every path that browsers see (`server.public_path`); empty: none.
        """
        self.root = root
        self._style = _packaged("static", "style.css").strip()
        self._texts = {name: _packaged("templates", name) for name in TEMPLATES}
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self.policy = f"{BARE}; style-src 'sha256-{digest}'; img-src data:"
        self.assets: dict[str, tuple[bytes, str]] = {}
        self._named: dict[str, str] = {}
        for name, kind in ASSETS.items():
            content = _packaged("static", name).encode()
            stem, _, end = name.partition(".")
            self._named[name] = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{end}"
            self.assets[self._named[name]] = (content, kind)
        self._of_console = (
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        self.status_style, self.status_script = _packaged("static", "status.css"), _packaged("static", "status.js")
        self._with_forms = self.policy.replace("form-action 'none'", "form-action 'self'")

    @cached_property
    def _templates(self) -> dict[str, Template]:
        # Compiled for the first page, so that a replica that only receives webhooks does not load Jinja2.
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415
        from markupsafe import Markup  # noqa: PLC0415

        environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(self._texts.get))
        environment.filters.update(
            coded=_coded,
            shown=shown,
            at=at,
            heading=lambda event: heading(event.kind, event.text),
            rfc=rfc3339,
            span=span,
            hour=hour,
        )
        environment.globals["new_once"] = lambda: secrets.token_hex(16)
        environment.globals["asset"] = self._named.__getitem__
        environment.globals["icon"] = ICON
        environment.globals["style"] = Markup(self._style)  # noqa: S704  (the package's own file)
        return {name: environment.get_template(name) for name in self._texts}

    def render(self, name: str, **values: Any) -> web.Response:
        """Return the page, with a content security policy that allows only its own style sheet.

        A page with forms may send them to this service, with its origin, which browsers would otherwise hide.
        """
        text = self._templates[name].render(root=self.root(), **values)
        # A lone surrogate in a label would otherwise break the whole page.
        content = text.encode("utf-8", "replace")
        headers = {"Content-Security-Policy": self.policy}
        if name.startswith(CONSOLE):
            headers = {"Content-Security-Policy": self._of_console, "Referrer-Policy": "same-origin"}
        elif OWN_STYLE in values:
            headers = {"Content-Security-Policy": _own(values[OWN_STYLE], values[OWN_SCRIPT])}
            headers["Referrer-Policy"] = "same-origin"
        elif "<form" in text:
            headers = {"Content-Security-Policy": self._with_forms, "Referrer-Policy": "same-origin"}
        return web.Response(body=content, content_type="text/html", charset="utf-8", headers=headers)
