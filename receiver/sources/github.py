"""GitHub: deployments and releases (REST API 2022-11-28)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from receiver.model.incident.recent_changes import RecentChange
from receiver.sources.http_client import SourceAnswer, SourceClient, SourceError

LIMIT = 3.0
"""Timeout of one response in seconds; no page waits for it."""
DEPLOYMENTS, RELEASES = 100, 5
"""Maximum numbers requested; for deployments one full page, because previews of pull requests are among them."""
OUTCOMES = 5
"""Number of deployments whose outcome is queried, likely ones first: a deployment itself is only a request."""
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


class GitHub:
    """One API, with or without a token."""

    def __init__(self, source_client: SourceClient, url: str, token: str = "") -> None:
        """`url`: `https://api.github.com`, or `https://HOST/api/v3`."""
        self.source_client = source_client
        self.url = url.rstrip("/")
        self._headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token.strip():
            self._headers["Authorization"] = f"Bearer {token.strip()}"

    async def changes(self, repository: str) -> list[RecentChange]:
        """Return the newest deployments and releases of `repository` (owner/name), in no order.

        Raises SourceError, whose text suggests a correction if possible.
        """
        if not _REPOSITORY.fullmatch(repository) or ".." in repository:
            raise SourceError("refused", f"{repository[:80]} is not a repository (expected owner/name)")
        base = f"{self.url}/repos/{repository}"
        deployed, released = await asyncio.gather(
            self._list(f"{base}/deployments", {"per_page": str(DEPLOYMENTS)}, repository),
            self._list(f"{base}/releases", {"per_page": str(RELEASES)}, repository),
        )
        # The newest of those that users may have noticed; the sort leaves the order in time.
        deployed.sort(key=lambda one: (one.get("transient_environment") is True, not _production(one)))
        states = await asyncio.gather(*(self._outcome(base, one, repository) for one in deployed[:OUTCOMES]))
        states += [""] * (len(deployed) - len(states))
        found = [_deployment(one, state) for one, state in zip(deployed, states, strict=True)]
        found += [_release(one) for one in released]
        return [one for one in found if one is not None]

    async def _outcome(self, base: str, deployment: Mapping[str, Any], repository: str) -> str:
        number = deployment.get("id")
        if not isinstance(number, int):
            return ""
        try:
            statuses = await self._list(f"{base}/deployments/{number}/statuses", {"per_page": "1"}, repository)
        except SourceError:
            return ""  # the deployment itself is worth reporting
        return _text(statuses[0].get("state"), 20) if statuses else ""

    async def _list(self, url: str, query: Mapping[str, str], repository: str) -> list[dict[str, Any]]:
        said = await self.source_client.get(url, query, limit=LIMIT, headers=self._headers)
        _check(said, repository)
        body = said.json()
        if not isinstance(body, list):
            raise SourceError("bad_answer", "GitHub's response has an unknown format")
        return [one for one in body if isinstance(one, dict)]


def _check(said: SourceAnswer, repository: str) -> None:
    if said.status == 200:
        return
    if said.status == 404:
        raise SourceError("status", f"GitHub has no repository {repository}, or the token may not read it")
    if said.status in (401, 403, 429):
        text = said.body[:4096].decode("utf-8", "replace").lower()
        limited = said.status == 429 or "rate limit" in text
        why = "its rate limit is reached" if limited else "the token is not accepted, or may not read it"
        raise SourceError("limited" if limited else "status", f"GitHub returned {said.status}: {why}")
    raise SourceError("status", f"GitHub returned {said.status}")


def _deployment(one: Mapping[str, Any], state: str) -> RecentChange | None:
    at = _moment(one.get("created_at"))
    creator = one.get("creator")
    name = _text(one.get("description"), 80) or _text(one.get("ref"), 80) or _text(one.get("sha"), 12)
    if at is None or not name:
        return None
    return RecentChange(
        kind="deployment",
        name=name,
        at=at,
        by=_text(creator.get("login"), 60) if isinstance(creator, dict) else "",
        environment=_text(one.get("environment"), 60),
        production=_production(one),
        transient=one.get("transient_environment") is True,
        sha=_text(one.get("sha"), 40),
        state=state,
    )


def _production(one: Mapping[str, Any]) -> bool:
    # An older server does not report it; the name is GitHub's own default.
    return one.get("production_environment") is True or one.get("environment") == "production"


def _release(one: Mapping[str, Any]) -> RecentChange | None:
    at, name = _moment(one.get("published_at")), _text(one.get("tag_name"), 80)
    if at is None or not name or one.get("draft"):
        return None
    author = one.get("author")
    by = _text(author.get("login"), 60) if isinstance(author, dict) else ""
    return RecentChange(kind="release", name=name, at=at, by=by, url=_web(one.get("html_url")))


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _text(value: object, limit: int) -> str:
    # Written by anyone who may deploy, so it is reduced to one line of visible characters.
    return _CONTROL.sub(" ", value[: limit * 4]).strip()[:limit] if isinstance(value, str) else ""


def _web(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > 1000 or not value.isascii() or _CONTROL.search(value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme == "https" and parts.hostname and " " not in value else None
