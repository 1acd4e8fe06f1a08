"""Jira, Cloud (API 3, Atlassian documents) and Server (API 2, wiki text), according to its API documentation."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor

TOKEN = "jira-token-5c41aa"
USER = "bot@example.com"
WORKFLOW = {
    "new": [("11", "Start", "indeterminate"), ("31", "Done", "done")],
    "indeterminate": [("31", "Done", "done")],
    "done": [("41", "Reopen", "new")],
}
TYPES = ("Incident", "Task")
MARKS = ("strong", "em", "code", "link")
MENTION = re.compile(r"(?<!\\)\[~|(?<!\\)\{")


class FakeJira(Vendor):
    """Keeps issues with their comments; each state category has one state."""

    name = "jira"

    def __init__(self, ledger: Ledger | None = None, *, project: str = "OPS") -> None:
        super().__init__(ledger)
        self.project = project
        self.issues: dict[str, dict[str, Any]] = {}
        self.accounts = {"acc-alice", "alice"}
        self.refuses: set[str] = set()
        """Fields that no screen of this project has."""
        self.lag = 0.0
        """Delay of its index in seconds, on the clock `clock_s`."""
        self.clock_s: Callable[[], float] = time.time
        self.minutes = 0
        """The time range of the last search by `updated`."""

    @property
    def seen(self) -> int:
        return len(self.issues)

    def routes(self) -> list[web.RouteDef]:
        found = []
        for version in ("2", "3"):
            base = f"/rest/api/{version}"
            found += [
                web.post(f"{base}/issue", self.handle),
                web.put(f"{base}/issue/{{key}}", self.handle),
                web.get(f"{base}/issue/{{key}}", self.handle),
                web.post(f"{base}/issue/{{key}}/comment", self.handle),
                web.get(f"{base}/issue/{{key}}/comment", self.handle),
                web.get(f"{base}/issue/{{key}}/transitions", self.handle),
                web.post(f"{base}/issue/{{key}}/transitions", self.handle),
            ]
        return [
            *found,
            web.post("/rest/api/3/search/jql", self.handle),
            web.post("/rest/api/2/search", self.handle),
        ]

    def of(self, *labels: str) -> list[dict[str, Any]]:
        """Return the issues with all these labels."""
        return [issue for issue in self.issues.values() if set(labels) <= set(issue["fields"]["labels"])]

    def touch(self, key: str, progress: str | None = None, account: str | None = None) -> None:
        """Change an issue as a person in Jira."""
        issue = self.issues[key]
        issue["progress"] = progress or issue["progress"]
        issue["assignee"] = account or issue["assignee"]
        issue["touched"] = True

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        # Atlassian publishes no numbers; these are requests per second per endpoint, and writes per object.
        key = request.match_info.get("key")
        writes = [(key, 20, 2.0), (key, 100, 30.0)] if key and request.method != "GET" else []
        return [(f"{request.method} {request.path}", 30, 1.0), *writes]

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        return self._answer(request, body, act=False)

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        return self._answer(request, body, act=True)

    def _answer(self, request: web.Request, body: Any, *, act: bool) -> tuple[int, dict[str, Any], list[str]]:
        cloud = request.path.startswith("/rest/api/3")
        credential = request.headers.get("Authorization", "")
        basic = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if credential != (basic if cloud else f"Bearer {TOKEN}"):
            return 401, {"errorMessages": ["You are not authenticated."]}, ["not authenticated"]
        if request.method != "GET" and request.content_type != "application/json":
            self.fail(f"content type {request.content_type}")
        key = request.match_info.get("key")
        if key is not None and key not in self.issues:
            return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}, []
        last = request.path.rpartition("/")[2]
        if last in ("jql", "search"):
            return self._search(body, cloud)
        if last == "comment":
            return self._comment(request.method, str(key), body, cloud, act)
        if last == "transitions":
            return self._move(request.method, str(key), body, act)
        if request.method == "GET":
            return 200, {"key": key, "fields": {"status": _status(self.issues[str(key)]["progress"])}}, []
        return self._write(key, body, cloud, act)

    def _write(self, key: str | None, body: Any, cloud: bool, act: bool) -> tuple[int, dict[str, Any], list[str]]:
        fields = body.get("fields") if isinstance(body, dict) else None
        if not isinstance(fields, dict):
            return 400, {"errorMessages": ["no fields"], "errors": {}}, ["no fields"]
        errors = self._mistakes(fields, cloud, fresh=key is None)
        if errors:
            return 400, {"errorMessages": [], "errors": errors}, [f"{name}: {why}" for name, why in errors.items()]
        if key is not None:
            if act:
                self.issues[key]["fields"] |= fields
            return 204, {}, []
        key = f"{self.project}-{len(self.issues) + 1}"
        if act:
            self.issues[key] = {
                "made": self.clock_s(),
                "fields": {"labels": [], **fields}, "progress": "new", "comments": [], "touched": False,
                "assignee": (fields.get("assignee") or {}).get("id" if cloud else "name"),
            }  # fmt: skip
        return 201, {"id": "10042", "key": key, "self": f"https://example.atlassian.net/rest/api/3/issue/{key}"}, []

    def _mistakes(self, fields: dict[str, Any], cloud: bool, *, fresh: bool) -> dict[str, str]:
        errors = dict.fromkeys(self.refuses & set(fields), "Field cannot be set. It is not on the appropriate screen.")
        if fresh and fields.get("project") != {"key": self.project}:
            errors["project"] = "valid project is required"
        if fresh and fields.get("issuetype", {}).get("name") not in TYPES:
            errors["issuetype"] = "The issue type selected is invalid."
        text = fields.get("summary")
        if (fresh or "summary" in fields) and not (isinstance(text, str) and text.strip()):
            errors["summary"] = "You must specify a summary of the issue."
        elif isinstance(text, str) and (len(text) > 255 or "\n" in text):
            errors["summary"] = "Summary must be one line of at most 255 characters."
        if "description" in fields and (wrong := wrong_text(fields["description"], cloud)):
            errors["description"] = wrong
        if any(not re.fullmatch(r"\S{1,255}", one) for one in fields.get("labels", [])):
            errors["labels"] = "The label contains spaces which is invalid."
        if "duedate" in fields and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(fields["duedate"])):
            errors["duedate"] = "Enter a date as yyyy-MM-dd."
        person = fields.get("assignee")
        if person is not None and person.get("id" if cloud else "name") not in self.accounts:
            errors["assignee"] = "User does not exist."
        return errors

    def _comment(
        self, method: str, key: str, body: Any, cloud: bool, act: bool
    ) -> tuple[int, dict[str, Any], list[str]]:
        if method == "GET":
            return 200, {"comments": [{"body": one} for one in reversed(self.issues[key]["comments"])]}, []
        wrong = wrong_text(body.get("body") if isinstance(body, dict) else None, cloud)
        if wrong:
            return 400, {"errorMessages": [], "errors": {"comment": wrong}}, [wrong]
        if act:
            self.issues[key]["comments"].append(body["body"])
        return 201, {"id": "1"}, []

    def _move(self, method: str, key: str, body: Any, act: bool) -> tuple[int, dict[str, Any], list[str]]:
        offered = WORKFLOW[self.issues[key]["progress"]]
        if method == "GET":
            return 200, {"transitions": [{"id": n, "name": name, "to": _status(to)} for n, name, to in offered]}, []
        wanted = body.get("transition", {}).get("id") if isinstance(body, dict) else None
        to = next((to for n, _, to in offered if n == wanted), None)
        if to is None:
            return 400, {"errorMessages": ["It is not possible to take this transition."]}, ["no such transition"]
        if act:
            self.issues[key]["progress"] = to
        return 204, {}, []

    def _search(self, body: Any, cloud: bool) -> tuple[int, dict[str, Any], list[str]]:
        jql = body.get("jql") if isinstance(body, dict) else None
        found = re.fullmatch(
            r'project = "([^"]*)" AND labels = "([^"]*)"(?: AND updated >= "-(\d+)m")?'
            r" ORDER BY (?:created|updated) ASC",
            str(jql),
        )
        if found is None:
            return 400, {"errorMessages": [f"Error in the JQL Query: {jql}"]}, [f"jql: {jql}"]
        if not isinstance(body.get("maxResults"), int) or not isinstance(body.get("fields"), list):
            self.fail("a search without maxResults or fields")
        self.minutes = int(found[3] or 0)
        chosen = [
            {
                "key": key,
                "fields": {
                    "labels": issue["fields"]["labels"],
                    "status": _status(issue["progress"]),
                    "assignee": _person(issue["assignee"], cloud),
                },
            }
            for key, issue in self.issues.items()
            if self.clock_s() - issue.get("made", 0.0) >= self.lag
            and found[1] == self.project
            and found[2] in issue["fields"]["labels"]
        ]
        return 200, {"issues": chosen, **({"isLast": True} if cloud else {"total": len(chosen)})}, []


def _status(progress: str) -> dict[str, Any]:
    return {"name": progress.title(), "statusCategory": {"key": progress}}


def _person(account: str | None, cloud: bool) -> dict[str, str] | None:
    return {"accountId" if cloud else "name": account, "displayName": account} if account else None


def wrong_text(value: Any, cloud: bool) -> str | None:
    """Return why Jira would reject a description or comment, or text that ours must never contain."""
    if not cloud:
        if not isinstance(value, str):
            return "Operation value must be a string"
        if len(value) > 32_767:
            return "The entered text is too long."
        return "a mention or a macro" if MENTION.search(value.replace("\\\\", "")) else None
    if not isinstance(value, dict) or (value.get("type"), value.get("version")) != ("doc", 1):
        return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
    return _wrong_node(value["content"], ("paragraph",))


def _wrong_node(content: Any, allowed: tuple[str, ...]) -> str | None:
    if not isinstance(content, list):
        return "content is not a list"
    for node in content:
        if node.get("type") not in allowed:
            return f"a node of type {node.get('type')}"
        if node["type"] == "text":
            text = node.get("text")
            if not isinstance(text, str) or not text or "\n" in text:
                return "an empty text node, or one with a line break"
            if any(mark.get("type") not in MARKS for mark in node.get("marks", [])):
                return "an unknown mark"
        elif wrong := _wrong_node(node.get("content"), ("text", "hardBreak")):
            return wrong
    return None


def words(value: Any) -> str:
    """Return the text of a description or comment in either format."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return value.get("text") or words(value.get("content", []))
    return "".join(words(item) for item in value)
