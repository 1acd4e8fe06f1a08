"""Confluence, Cloud (v2) and Server (v1), according to its API documentation."""

from __future__ import annotations

import base64
import re
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

from tests.fakes.jira import TOKEN, USER
from tests.fakes.vendor import Ledger, Vendor

SPACE = "65538"


class FakeConfluence(Vendor):
    """Keeps pages with their versions and comments; a title is unique."""

    name = "confluence"

    def __init__(self, ledger: Ledger | None = None, *, space: str = "OPS") -> None:
        super().__init__(ledger)
        self.space = space
        self.pages: dict[str, dict[str, Any]] = {}

    @property
    def seen(self) -> int:
        return len(self.pages)

    def routes(self) -> list[web.RouteDef]:
        two, one = "/wiki/api/v2", "/rest/api/content"
        return [
            web.get(f"{two}/spaces", self.handle),
            web.post(f"{two}/pages", self.handle),
            web.get(f"{two}/pages", self.handle),
            web.get(f"{two}/pages/{{id}}", self.handle),
            web.put(f"{two}/pages/{{id}}", self.handle),
            web.post(f"{two}/footer-comments", self.handle),
            web.get(f"{two}/pages/{{id}}/footer-comments", self.handle),
            web.get(f"/wiki{one}/search", self.handle),
            web.get(f"{one}/search", self.handle),
            web.post(one, self.handle),
            web.get(one, self.handle),
            web.get(f"{one}/{{id}}", self.handle),
            web.put(f"{one}/{{id}}", self.handle),
            web.get(f"{one}/{{id}}/child/comment", self.handle),
        ]

    def edit(self, page: str, text: str) -> None:
        """Edit a page as a person."""
        kept = self.pages[page]
        kept |= {"value": text, "number": kept["number"] + 1, "message": ""}

    def trash(self, page: str) -> None:
        """Move a page to the trash as a person."""
        self.pages[page]["status"] = "trashed"

    def foreign(self, title: str, *labels: str) -> None:
        """Create a page with that title and labels, which the service did not create."""
        self.pages[str(len(self.pages) + 1)] = {
            "title": title, "value": "<p>theirs</p>", "number": 1, "message": "", "comments": [], "labels": labels,
        }  # fmt: skip

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        # Atlassian publishes no numbers; these are requests per second per endpoint, and writes per object.
        key = request.match_info.get("id")
        writes = [(key, 20, 2.0), (key, 100, 30.0)] if key and request.method != "GET" else []
        return [(f"{request.method} {request.path}", 30, 1.0), *writes]

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        return self._answer(request, body, act=False)

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        return self._answer(request, body, act=True)

    def _answer(self, request: web.Request, body: Any, *, act: bool) -> tuple[int, dict[str, Any], list[str]]:
        cloud = request.path.startswith("/wiki/")
        basic = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != (basic if cloud else f"Bearer {TOKEN}"):
            return 401, {"message": "not signed in"}, ["not authenticated"]
        page = request.match_info.get("id")
        if page is not None and page not in self.pages:
            return 404, {"message": "no such page"}, []
        if request.path.endswith(("/footer-comments", "/comment")) and request.method == "GET":
            kept = self.pages[str(page)]["comments"]
            return 200, {"results": [{"body": {"storage": {"value": one}}} for one in kept]}, []
        if request.path.endswith("/search"):
            return self._search(request)
        if request.path.endswith("/spaces"):
            known = request.query.get("keys") == self.space
            return 200, {"results": [{"id": SPACE, "key": self.space}] if known else []}, []
        if request.method == "GET":
            return self._read(request, page, cloud)
        wrong = self._mistakes(body, cloud, page)
        if wrong:
            return 400, {"message": wrong}, [wrong]
        value = body["body"]["value"] if cloud else body["body"]["storage"]["value"]
        if request.path.endswith("/footer-comments") or body.get("type") == "comment":
            held = self.pages[body["pageId"] if cloud else body["container"]["id"]]
            if act:
                held["comments"].append(value)
            return 200, {"id": "9"}, []
        return self._write(page, body, value, act)

    def _search(self, request: web.Request) -> tuple[int, dict[str, Any], list[str]]:
        asked = re.fullmatch(
            r'type=page and space="(\w+)" and label="([^"]+)" order by lastmodified desc', request.query.get("cql", "")
        )
        if asked is None:
            return 400, {"message": "Could not parse cql"}, ["cql"]
        found = [
            {
                "id": key, "type": "page", "status": "current", "title": kept["title"],
                "metadata": {"labels": {"results": [{"prefix": "global", "name": one} for one in kept["labels"]]}},
                "_links": {"webui": f"/spaces/OPS/pages/{key}"},
            }
            for key, kept in self.pages.items()
            if asked[1] == self.space and asked[2] in kept.get("labels", ())
        ]  # fmt: skip
        if request.query.get("expand") != "metadata.labels":
            found = [{**one, "metadata": {}} for one in found]
        return 200, {"results": found, "_links": {"base": "https://example.atlassian.net/wiki"}}, []

    def _write(self, page: str | None, body: Any, value: str, act: bool) -> tuple[int, dict[str, Any], list[str]]:
        if page is None:
            if any(kept["title"] == body["title"] for kept in self.pages.values()):
                return 400, {"message": "A page with this title already exists in this space"}, []
            page = str(131072 + len(self.pages) + 1)
            made = {"title": body["title"], "value": value, "number": 1, "message": "", "comments": []}
            if act:
                self.pages[page] = made
            return 200, _shown(page, made), []
        kept = self.pages[page]
        if body["version"]["number"] != kept["number"] + 1:
            return 409, {"message": "Version must be incremented on update"}, []
        changed = {**kept, "status": "current", "value": value, "title": body["title"], **body["version"]}
        if act:
            kept |= changed
        return 200, _shown(page, changed), []

    def _read(self, request: web.Request, page: str | None, cloud: bool) -> tuple[int, dict[str, Any], list[str]]:
        if (request.query.get("body-format") == "storage") is not cloud:
            self.fail("a page is read without its body")
        if page is not None:
            if not cloud and self.pages[page].get("status") == "trashed":
                return 404, {"message": "No content found"}, []
            return 200, _shown(page, self.pages[page]), []
        where = request.query.get("space-id" if cloud else "spaceKey")
        if where != (SPACE if cloud else self.space):
            self.fail(f"searched in the space {where}")
        found = [_shown(key, kept) for key, kept in self.pages.items() if kept["title"] == request.query.get("title")]
        return 200, {"results": found}, []

    def _mistakes(self, body: Any, cloud: bool, page: str | None) -> str | None:
        if not isinstance(body, dict):
            return "no body"
        held = body.get("body") if cloud else (body.get("body") or {}).get("storage")
        if not isinstance(held, dict) or held.get("representation") != "storage":
            return "no body in storage format"
        try:
            ElementTree.fromstring(f'<x xmlns:ac="ac" xmlns:ri="ri">{held["value"]}</x>')
        except ElementTree.ParseError as error:
            return f"Error parsing xhtml: {error}"
        if "pageId" in body or body.get("type") == "comment":
            return None
        title = body.get("title")
        if not isinstance(title, str) or not title.strip() or len(title) > 255 or "\n" in title:
            return "title must be one line of 1 to 255 characters"
        if page is not None:
            return None if isinstance(body.get("version", {}).get("number"), int) else "no version"
        place = body.get("spaceId") if cloud else body.get("space", {}).get("key")
        return None if place == (SPACE if cloud else self.space) else f"no space {place}"


def _shown(page: str, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": page, "status": kept.get("status", "current"), "title": kept["title"], "spaceId": SPACE,
        "version": {"number": kept["number"], "message": kept["message"]},
        "body": {"storage": {"value": kept["value"], "representation": "storage"}},
        "_links": {"webui": f"/spaces/OPS/pages/{page}", "base": "https://example.atlassian.net/wiki"},
    }  # fmt: skip
