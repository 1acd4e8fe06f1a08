"""Jira's calls, of both flavors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from receiver.channels.atlassian import Body, Site, objects
from receiver.channels.base import DeliveryError, Http, Reply
from receiver.channels.jira.text_formats import Line, adf, wiki
from receiver.model.incident.ticket import TicketStatus

PAGE = 100
PAGES = 20
FIELDS = ("status", "labels", "assignee", "summary")


class JiraApi:
    """One site, one account."""

    def __init__(self, url: str, cloud: bool, user: str, token: str, http: Http) -> None:
        """`url` is the site's, without a version path; `user` is for the cloud alone."""
        self.cloud = cloud
        self.site = Site(f"{url}/rest/api/{'3' if cloud else '2'}", cloud, user, token, http)

    def text(self, lines: Sequence[Line]) -> Body | str:
        """Return `lines` in the format of this flavor."""
        return adf(lines) if self.cloud else wiki(lines)

    async def create(self, fields: Body, optional: Sequence[str], now: datetime) -> tuple[str, str | None]:
        """Return the key of a new issue, and a warning if Jira accepted it only without some `optional` field."""
        reply = await self.site.send("POST", "/issue", {"fields": fields}, now)
        refused = _refused(reply, optional) if reply.status == 400 else ()
        if refused:
            fields = {name: value for name, value in fields.items() if name not in refused}
            reply = await self.site.send("POST", "/issue", {"fields": fields}, now)
        answer = self.site.read(reply, now)
        key = answer.get("key")
        if not isinstance(key, str):
            raise DeliveryError("bad_answer", "Jira created an issue without a key", ambiguous=True)
        return key, f"jira: created without {', '.join(refused)}" if refused else None

    async def update(self, key: str, fields: Body, optional: Sequence[str], now: datetime) -> str | None:
        """Change fields of an issue; return a warning if some were rejected."""
        path = f"/issue/{quote(key, safe='')}"
        reply = await self.site.send("PUT", path, {"fields": fields}, now)
        refused = _refused(reply, optional) if reply.status == 400 else ()
        if refused:
            fields = {name: value for name, value in fields.items() if name not in refused}
            if fields:
                reply = await self.site.send("PUT", path, {"fields": fields}, now)
                self.site.good(reply, now)
            return f"jira: {key}: {', '.join(refused)} not changed"
        self.site.good(reply, now)
        return None

    async def comment(self, key: str, lines: Sequence[Line], now: datetime) -> None:
        """Add a comment."""
        reply = await self.site.send("POST", f"/issue/{quote(key, safe='')}/comment", {"body": self.text(lines)}, now)
        self.site.read(reply, now)

    async def comments(self, key: str, now: datetime) -> str:
        """Return all text of the newest comments of an issue, in any format."""
        query = {"maxResults": str(PAGE), "orderBy": "-created"}
        answer = await self.site.get(f"/issue/{quote(key, safe='')}/comment", query, now)
        return "\n".join(_flat(one.get("body")) for one in objects(answer.get("comments")))

    async def move(
        self, key: str, wanted: Sequence[TicketStatus], now: datetime
    ) -> tuple[TicketStatus | None, str | None]:
        """Move an issue to the first category of `wanted` that its workflow offers.

        Return its category afterwards, None if it could not be moved, and a warning in that case.

        Ids and names differ by workflow, state and language: only the category is used.
        """
        path = f"/issue/{quote(key, safe='')}"
        offered = objects((await self.site.get(f"{path}/transitions", {}, now)).get("transitions"))
        for progress in wanted:
            for one in offered:
                to = one.get("to")
                if isinstance(to, dict) and category(to) is progress:
                    reply = await self.site.send(
                        "POST", f"{path}/transitions", {"transition": {"id": str(one.get("id"))}}, now
                    )
                    if reply.status == 400:
                        why = "its transition requires more fields"
                        return None, f"jira: {key} could not be moved to {progress}: {why}"
                    self.site.good(reply, now)
                    return progress, None
        # Not offered: it already has that category, or its workflow does not allow it from here.
        fields = (await self.site.get(path, {"fields": "status"}, now)).get("fields")
        status = fields.get("status") if isinstance(fields, dict) else None
        there = category(status) if isinstance(status, dict) else None
        if there in wanted:
            return there, None
        return None, f"jira: the workflow of {key} has no transition to {wanted[0]} from here"

    async def search(self, jql: str, now: datetime) -> list[Body]:
        """Return the issues that `jql` finds, at most 2,000, with the fields for their identity and state."""
        found: list[Body] = []
        token: str | None = None
        for _ in range(PAGES):
            body: Body = {"jql": jql, "maxResults": PAGE, "fields": list(FIELDS)}
            if self.cloud:
                answer = await self._ask("/search/jql", {**body, **({"nextPageToken": token} if token else {})}, now)
                token = answer.get("nextPageToken") if isinstance(answer.get("nextPageToken"), str) else None
            else:
                answer = await self._ask("/search", {**body, "startAt": len(found)}, now)
            page = objects(answer.get("issues"))
            found += page
            more = token is not None if self.cloud else len(page) == PAGE
            if not (page and more):
                break
        return found

    async def _ask(self, path: str, body: Body, now: datetime) -> Body:
        reply = await self.site.send("POST", path, body, now)
        return self.site.read(reply, now)


def category(status: Mapping[str, Any]) -> TicketStatus | None:
    """Return the category of a status; None for one that Jira has never had."""
    found = status.get("statusCategory")
    key = found.get("key") if isinstance(found, dict) else None
    # "undefined" is Jira's name for a status without a category.
    return TicketStatus(key) if key in tuple(TicketStatus) else None


def quoted(text: str) -> str:
    """Return `text` as a string of JQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refused(reply: Reply, optional: Sequence[str]) -> tuple[str, ...]:
    errors = reply.json.get("errors") if isinstance(reply.json, dict) else None
    return tuple(name for name in optional if isinstance(errors, dict) and name in errors)


def _flat(body: object) -> str:
    if isinstance(body, str):
        return body.replace("\\", "")
    if isinstance(body, dict):
        text = body.get("text")
        return text if isinstance(text, str) else _flat(body.get("content"))
    return "\n".join(_flat(item) for item in body) if isinstance(body, list) else ""
