"""Confluence's calls: v2 on Cloud, v1 on Server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from receiver.channels.atlassian import Body, Site, objects
from receiver.channels.base import DeliveryError, Http
from receiver.model.incident.runbook import Runbook

LABELLED = 100
TAKEN = "already exists"
"""Part of the message of a 400 if another page of the space has the title."""


@dataclass(frozen=True)
class Page:
    """A page in Confluence."""

    id: str
    number: int
    """The number of its version."""
    message: str
    """The comment on this version by its author."""
    text: str
    url: str | None
    current: bool = True
    """Not in the trash or archived, because writing would restore it."""


class ConfluenceApi:
    """One site, one account, one space."""

    def __init__(self, url: str, cloud: bool, user: str, token: str, http: Http) -> None:
        """`url` is the site's, with `/wiki` on cloud, without a version path."""
        self.cloud = cloud
        self.site = Site(f"{url}/api/v2" if cloud else f"{url}/rest/api", cloud, user, token, http)
        self._search = Site(f"{url}/rest/api", cloud, user, token, http)
        self._spaces: dict[str, str] = {}

    @property
    def pages(self) -> str:
        """Path of the pages."""
        return "/pages" if self.cloud else "/content"

    def fresh(self, space: str, title: str, value: str, parent: str) -> Body:
        """Return the body of a create; `space` is the space's id on cloud, its key on a server."""
        if self.cloud:
            about: Body = {"spaceId": space, "status": "current", "title": title, "body": _storage(value)}
            return {**about, "parentId": parent} if parent else about
        about = {"type": "page", "title": title, "space": {"key": space}, "body": {"storage": _storage(value)}}
        return {**about, "ancestors": [{"id": parent}]} if parent else about

    def changed(self, page: str, title: str, value: str, number: int, message: str) -> Body:
        """Return the body of an update to version `number`."""
        version = {"number": number, "message": message}
        if self.cloud:
            return {"id": page, "status": "current", "title": title, "body": _storage(value), "version": version}
        return {"id": page, "type": "page", "title": title, "body": {"storage": _storage(value)}, "version": version}

    async def create(self, space: str, title: str, value: str, parent: str, now: datetime) -> Page | None:
        """Return the new page; None if another page of the space has the title."""
        place = await self._space(space, now)
        reply = await self.site.send("POST", self.pages, self.fresh(place, title, value, parent), now)
        if reply.status == 400 and TAKEN in reply.text.lower():
            return None
        return _page(self.site.read(reply, now))

    async def update(self, page: str, title: str, value: str, number: int, message: str, now: datetime) -> Page | None:
        """Return the page in its new version; None if another author wrote that version."""
        body = self.changed(page, title, value, number, message)
        reply = await self.site.send("PUT", f"{self.pages}/{quote(page, safe='')}", body, now)
        return None if reply.status == 409 else _page(self.site.read(reply, now))

    async def find(self, space: str, title: str, now: datetime) -> Page | None:
        """Return the page with that title; None if there is none."""
        if self.cloud:
            query = {"space-id": await self._space(space, now), "title": title, "body-format": "storage"}
        else:
            query = {"spaceKey": space, "title": title, "expand": "version,body.storage"}
        found = objects((await self.site.get(self.pages, query, now)).get("results"))
        return _page(found[0]) if found else None

    async def page(self, page: str, now: datetime) -> Page:
        """Return the page. Raises Gone."""
        query = {"body-format": "storage"} if self.cloud else {"expand": "version,body.storage"}
        return _page(await self.site.get(f"{self.pages}/{quote(page, safe='')}", query, now))

    async def labelled(self, space: str, label: str, now: datetime) -> list[Runbook]:
        """Return the newest hundred pages of the space that have `label`; results without an address are left out.

        Searching is v1 on cloud too.
        """
        cql = f"type=page and space={_quoted(space)} and label={_quoted(label)} order by lastmodified desc"
        query = {"cql": cql, "expand": "metadata.labels", "limit": str(LABELLED)}
        told = await self._search.get("/content/search", query, now)
        base = _part(told, "_links").get("base")
        found = []
        for one in objects(told.get("results")):
            where, title = _part(one, "_links").get("webui"), one.get("title")
            names = (mark.get("name") for mark in objects(_part(_part(one, "metadata"), "labels").get("results")))
            if isinstance(base, str) and isinstance(where, str) and isinstance(title, str):
                labels = tuple(name for name in names if isinstance(name, str) and name != label)
                found.append(Runbook(title=title, href=f"{base}{where}", labels=labels))
        return found

    async def comment(self, page: str, value: str, now: datetime) -> None:
        """Add a comment at the foot of the page."""
        if self.cloud:
            body: Body
            path, body = "/footer-comments", {"pageId": page, "body": _storage(value)}
        else:
            held: Body = {"container": {"id": page, "type": "page"}, "body": {"storage": _storage(value)}}
            path, body = "/content", {"type": "comment", **held}
        self.site.read(await self.site.send("POST", path, body, now), now)

    async def comments(self, page: str, now: datetime) -> str:
        """Return the text of the comments at the foot of the page."""
        name = quote(page, safe="")
        path = f"/pages/{name}/footer-comments" if self.cloud else f"/content/{name}/child/comment"
        query = {"body-format": "storage"} if self.cloud else {"expand": "body.storage"}
        return "\n".join(_text(one) for one in objects((await self.site.get(path, query, now)).get("results")))

    async def _space(self, key: str, now: datetime) -> str:
        # On cloud a page belongs to the id of a space, which is not configured.
        if not self.cloud:
            return key
        if key not in self._spaces:
            found = objects((await self.site.get("/spaces", {"keys": key}, now)).get("results"))
            if not found:
                detail = f"Confluence has no space {key}, or this account may not see it"
                raise DeliveryError("client_error", detail, permanent=True)
            self._spaces[key] = str(found[0].get("id"))
        return self._spaces[key]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _storage(value: str) -> Body:
    return {"representation": "storage", "value": value}


def _page(found: Mapping[str, Any]) -> Page:
    version, links = _part(found, "version"), _part(found, "_links")
    number, message, base = version.get("number"), version.get("message"), links.get("base")
    webui = links.get("webui")
    if not found.get("id"):
        raise DeliveryError("bad_answer", "Confluence returned a page without an id", ambiguous=True)
    return Page(
        id=str(found["id"]),
        number=number if isinstance(number, int) else 1,
        message=message if isinstance(message, str) else "",
        text=_text(found),
        current=found.get("status", "current") == "current",
        url=f"{base}{webui}" if isinstance(base, str) and isinstance(webui, str) else None,
    )


def _text(found: Mapping[str, Any]) -> str:
    value = _part(_part(found, "body"), "storage").get("value")
    return value if isinstance(value, str) else ""


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}
