"""The part of Slack's Web API that the service uses; nearly every response is HTTP 200."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor

TOKEN = "xoxb-fake-0123456789-secret"
READS = (
    "conversations.history", "conversations.replies", "conversations.list", "auth.test", "usergroups.users.list",
)  # fmt: skip
TIERS = {
    "chat.update": 50, "conversations.history": 50, "conversations.replies": 50, "conversations.invite": 50,
    "views.open": 100,
}  # fmt: skip
"""Calls per minute; 20 for all other methods."""
BOT = "U0BOT"
LIMITS = {"header": 150, "section": 3000, "context": 3000, "actions": 3000}
Result = tuple[int, dict[str, Any], list[str]]


class FakeSlack(Vendor):
    """Keeps channels and messages of one workspace."""

    name = "slack"

    def __init__(self, ledger: Ledger | None = None, token: str = TOKEN) -> None:
        super().__init__(ledger)
        self.token = token
        self.channels = {"incidents": "C0INCIDENTS", "general": "C0GENERAL"}
        self.messages: list[dict[str, Any]] = []
        self.rooms: dict[str, dict[str, Any]] = {}
        """Created channels, by id: name, creator, topic, pins, members, archived."""
        self.views: list[dict[str, Any]] = []
        self.groups: dict[str, list[str]] = {}
        self.refused: dict[str, str] = {}
        """The error with which each method responds, until the entry is removed."""
        self.files: dict[str, dict[str, Any]] = {}
        """Files by id: name, length, description, bytes, and where they were shared."""
        self.uploads_here = ""
        self.uploads_at = ""
        """The address for file uploads; empty: this fake."""
        self.joined = True
        self.private = False
        """Whether joining requires an invitation."""
        self._clock = 0

    @property
    def seen(self) -> int:
        return len(self.messages)

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/api/{method}", self.handle), web.post("/upload/{file}", self.handle)]

    def parse(self, raw: bytes) -> Any:
        """Return JSON, or the fields of a form; None for the bytes of a file."""
        body = super().parse(raw)
        return body if body is not None or raw[:1] == b"\x89" else dict(parse_qsl(raw.decode())) or None

    @property
    def parents(self) -> list[dict[str, Any]]:
        """Top-level messages in channels, without those in incident channels."""
        alone = [message for message in self.messages if "thread_ts" not in message]
        return [message for message in alone if message["channel"] not in self.rooms]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """Messages in threads."""
        return [message for message in self.messages if "thread_ts" in message]

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        method = request.match_info.get("method", "upload")
        if method == "chat.postMessage":
            place = str(self._channel(body.get("channel"), by_name=True))
            # One per second per channel, with short bursts.
            return [(place, 60, 60), (place, 5, 2), ("posts", 300, 60)]
        return [(method, TIERS.get(method, 20), 60)]

    def limited(self) -> dict[str, Any]:
        return {"ok": False, "error": "ratelimited"}

    def check(self, request: web.Request, body: Any, raw: bytes) -> Result:
        return self._run(request, body, raw, keep=False)

    def act(self, request: web.Request, body: Any, raw: bytes) -> Result:
        return self._run(request, body, raw, keep=True)

    def _run(self, request: web.Request, body: Any, raw: bytes, keep: bool) -> Result:
        if "file" in request.match_info:
            return self._taken_in(request, raw, keep)
        method = request.match_info["method"]
        if method == "files.getUploadURLExternal":
            arguments: Any = body
            if request.content_type != "application/x-www-form-urlencoded":
                self.fail(f"{method} takes a form")
            self.uploads_here = f"{request.scheme}://{request.host}/upload"
        elif method in READS:
            arguments = dict(request.query)
            if request.method != "GET" or body is not None:
                self.fail(f"{method} takes its arguments in the query")
        else:
            arguments = body
            if request.method != "POST" or request.content_type != "application/json":
                self.fail(f"{method} takes JSON")
        sent = request.headers.get("Authorization", "")
        if not hmac.compare_digest(sent, f"Bearer {self.token}"):
            return _no("invalid_auth" if sent else "not_authed")
        if method in self.refused:
            return _no(self.refused[method])
        act = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": self._list,
            "conversations.create": self._create,
            "conversations.join": self._join,
            "conversations.invite": self._invite,
            "conversations.setTopic": self._topic,
            "conversations.archive": self._archive,
            "conversations.unarchive": self._unarchive,
            "pins.add": self._pin,
            "views.open": self._view,
            "usergroups.users.update": self._regroup,
            "files.getUploadURLExternal": self._place,
            "files.completeUploadExternal": self._share,
            "auth.test": lambda _, __: (200, {"ok": True, "user_id": BOT}, []),
            "usergroups.users.list": self._group,
        }.get(method)
        if act is None or not isinstance(arguments, dict):
            self.fail(f"unknown method {method}" if act is None else f"{method} without arguments")
            return _no("unknown_method")
        return act(arguments, keep)

    def _post(self, message: dict[str, Any], keep: bool) -> Result:
        channel = self._channel(message.get("channel"), by_name=True)
        if channel is None:
            return _no("channel_not_found")
        if not self.joined:
            return _no("not_in_channel")
        errors = mistakes(message)
        if errors:
            return _no(errors[0][0], errors[0][1])
        thread = message.get("thread_ts")
        if thread is not None and self._message(channel, thread) is None:
            return _no("thread_not_found")
        if self.rooms.get(channel, {}).get("archived"):
            return _no("is_archived")
        stamp = f"1795442540.{self._clock + 1:06d}"
        if keep:
            self._clock += 1
            kept: dict[str, Any] = {
                key: message[key] for key in ("text", "blocks", "metadata", "thread_ts") if key in message
            }
            self.messages.append({"channel": channel, "ts": stamp, **kept})
        return 200, {"ok": True, "channel": channel, "ts": stamp, "message": {"ts": stamp}}, []

    def _update(self, message: dict[str, Any], keep: bool) -> Result:
        channel = self._channel(message.get("channel"), by_name=False)
        if channel is None:
            return _no("channel_not_found")
        found = self._message(channel, message.get("ts"))
        if found is None:
            return _no("message_not_found")
        if self.rooms.get(channel, {}).get("archived"):
            return _so("is_archived")
        errors = mistakes(message)
        if errors:
            return _no(errors[0][0], errors[0][1])
        if keep:
            # An update without blocks removes them; an update without metadata keeps it.
            found.pop("blocks", None)
            found |= {key: message[key] for key in ("text", "blocks", "metadata") if key in message}
            found["edits"] = found.get("edits", 0) + 1
        return 200, {"ok": True, "channel": channel, "ts": found["ts"], "text": found["text"]}, []

    def _place(self, fields: dict[str, Any], keep: bool) -> Result:
        number = f"F0FILE{len(self.files) + 1}"
        if keep:
            self.files[number] = {**fields, "bytes": b"", "shared": []}
        return (
            200,
            {"ok": True, "upload_url": f"{self.uploads_at or self.uploads_here}/{number}", "file_id": number},
            [],
        )

    def _taken_in(self, request: web.Request, raw: bytes, keep: bool) -> Result:
        found = self.files.get(request.match_info["file"])
        if "Authorization" in request.headers:
            self.fail("the token is only for the Web API")
        if found is None or len(raw) != int(found["length"]):
            return 400, {"error": "wrong length"}, ["wrong length"]
        if keep:
            found["bytes"] = raw
        return 200, {"ok": True}, []

    def _share(self, body: dict[str, Any], keep: bool) -> Result:
        found = [self.files.get(one["id"]) for one in body.get("files", [])]
        if not found or any(one is None or not one["bytes"] for one in found):
            return _no("file_not_found")
        if self._channel(body.get("channel_id"), by_name=False) is None:
            return _no("channel_not_found")
        for one in found if keep else ():
            assert one is not None
            one["title"] = body["files"][0].get("title", "")
            one["shared"].append((body["channel_id"], body.get("thread_ts")))
        return 200, {"ok": True, "files": body["files"]}, []

    def _history(self, query: dict[str, Any], keep: bool) -> Result:
        channel = self._channel(query.get("channel"), by_name=False)
        found = [one for one in self.messages if one["channel"] == channel and "thread_ts" not in one]
        if "latest" in query:
            found = [one for one in found if query.get("oldest", "0") <= one["ts"] <= query["latest"]]
        return _no("channel_not_found") if channel is None else self._page(query, found[::-1])

    def _replies(self, query: dict[str, Any], keep: bool) -> Result:
        stamp = query.get("ts")
        found = [message for message in self.messages if stamp in (message["ts"], message.get("thread_ts"))]
        return self._page(query, found) if found else _no("thread_not_found")

    def _page(self, query: dict[str, Any], found: list[dict[str, Any]]) -> Result:
        start, limit = int(query.get("cursor", "0")), int(query.get("limit", "100"))
        hidden = set() if query.get("include_all_metadata") == "true" else {"metadata"}
        page = [
            {key: value for key, value in message.items() if key not in hidden}
            for message in found[start : start + limit]
        ]
        more = str(start + limit) if start + limit < len(found) else ""
        answer = {"ok": True, "messages": page, "has_more": bool(more), "response_metadata": {"next_cursor": more}}
        return 200, answer, []

    def _create(self, body: dict[str, Any], keep: bool) -> Result:
        name = body.get("name", "")
        if not re.fullmatch(r"[a-z0-9_-]{1,80}", name):
            return _no("invalid_name_specials")
        if name in self.channels:
            return _so("name_taken")
        number = f"C0ROOM{len(self.rooms) + 1:04d}"
        if keep:
            self.channels[name] = number
            self.rooms[number] = {
                "name": name, "creator": BOT, "topic": "", "pins": [], "members": [BOT], "archived": False,
            }  # fmt: skip
        return 200, {"ok": True, "channel": {"id": number, "name": name, "creator": BOT}}, []

    def _join(self, body: dict[str, Any], keep: bool) -> Result:
        if body.get("channel") not in self.channels.values():
            return _no("channel_not_found")
        if self.private:
            return _so("method_not_supported_for_channel_type")
        if keep:
            self.joined = True
        return 200, {"ok": True, "channel": {"id": body["channel"]}}, []

    def _invite(self, body: dict[str, Any], keep: bool) -> Result:
        room, users = self.rooms.get(body.get("channel", "")), str(body.get("users", "")).split(",")
        if room is None:
            return _no("channel_not_found")
        if room["archived"]:
            return _so("is_archived")
        if len(users) > 100 or not all(re.fullmatch(r"[UW][A-Z0-9]+", user) for user in users):
            return _no("invalid_arguments")
        if set(users) <= set(room["members"]):
            return _so("already_in_channel")
        if keep:
            room["members"] += [user for user in users if user not in room["members"]]
        return 200, {"ok": True, "channel": {"id": body["channel"]}}, []

    def _topic(self, body: dict[str, Any], keep: bool) -> Result:
        room, topic = self.rooms.get(body.get("channel", "")), body.get("topic", "")
        if room is None:
            return _no("channel_not_found")
        if room["archived"]:
            return _so("is_archived")
        if len(topic) > 250:
            return _no("too_long")
        if keep:
            room["topic"] = topic
        return 200, {"ok": True}, []

    def _archive(self, body: dict[str, Any], keep: bool) -> Result:
        return self._put_away(body, keep, True, "already_archived")

    def _unarchive(self, body: dict[str, Any], keep: bool) -> Result:
        return self._put_away(body, keep, False, "not_archived")

    def _put_away(self, body: dict[str, Any], keep: bool, away: bool, already: str) -> Result:
        room = self.rooms.get(body.get("channel", ""))
        if room is None:
            return _no("channel_not_found")
        if room["archived"] is away:
            return _so(already)
        if keep:
            room["archived"] = away
        return 200, {"ok": True}, []

    def _pin(self, body: dict[str, Any], keep: bool) -> Result:
        room = self.rooms.get(body.get("channel", ""))
        if room is None or self._message(body["channel"], body.get("timestamp")) is None:
            return _no("message_not_found" if room else "channel_not_found")
        if body["timestamp"] in room["pins"]:
            return _so("already_pinned")
        if keep:
            room["pins"].append(body["timestamp"])
        return 200, {"ok": True}, []

    def _view(self, body: dict[str, Any], keep: bool) -> Result:
        view = body.get("view", {})
        if not body.get("trigger_id"):
            return _no("invalid_trigger_id")
        long = [name for name in ("title", "submit", "close") if len(view.get(name, {}).get("text", "")) > 24]
        if long or view.get("type") != "modal" or len(view.get("private_metadata", "")) > 3000:
            return _no("invalid_arguments", f"{long}")
        if keep:
            self.views.append(view)
        return 200, {"ok": True, "view": {"id": f"V{len(self.views)}"}}, []

    def _group(self, query: dict[str, Any], keep: bool) -> Result:
        users = self.groups.get(query.get("usergroup", ""))
        return _no("no_such_subteam") if users is None else (200, {"ok": True, "users": users}, [])

    def _regroup(self, body: dict[str, Any], keep: bool) -> Result:
        users = [user for user in str(body.get("users", "")).split(",") if user]
        if body.get("usergroup") not in self.groups:
            return _no("no_such_subteam")
        if not users or not all(re.fullmatch(r"[UW][A-Z0-9]+", user) for user in users):
            return _no("no_users_provided")
        if keep:
            self.groups[body["usergroup"]] = users
        return 200, {"ok": True}, []

    def _list(self, query: dict[str, Any], keep: bool) -> Result:
        channels = [
            {"id": key, "name": name, "creator": self.rooms.get(key, {}).get("creator", "U0ADMIN")}
            for name, key in self.channels.items()
            if not self.rooms.get(key, {}).get("archived")
        ]
        return 200, {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}, []

    def _channel(self, name: Any, *, by_name: bool) -> str | None:
        if name in self.channels.values():
            return str(name)
        return self.channels.get(str(name).removeprefix("#")) if by_name else None

    def _message(self, channel: str, stamp: Any) -> dict[str, Any] | None:
        found = (message for message in self.messages if (message["channel"], message["ts"]) == (channel, stamp))
        return next(found, None)


def mistakes(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Return Slack's error code and message for mistakes in text, blocks and metadata."""
    blocks = message.get("blocks", [])
    if not message.get("text") and not blocks:
        return [("no_text", "")]
    errors = [("msg_too_long", "text")] if len(message.get("text", "")) > 4000 else []
    if len(blocks) > 50:
        errors.append(("invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]"))
    for number, block in enumerate(blocks):
        errors += [("invalid_blocks", f"{wrong} [json-pointer:/blocks/{number}]") for wrong in _block(block)]
    if sum(len(text["text"]) for text in texts(blocks)) > 13_200:
        errors.append(("msg_blocks_too_long", ""))
    if len(json.dumps(message.get("metadata", {}))) > 16_000:
        errors.append(("metadata_too_large", ""))
    return errors


def texts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every text object within blocks."""
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", "mrkdwn") and isinstance(value.get("text"), str):
            yield value
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _block(block: dict[str, Any]) -> list[str]:
    kind, errors = block.get("type"), []
    if kind not in LIMITS:
        return [f"unsupported type: {kind}"]
    if len(block.get("block_id", "")) > 255:
        errors.append("block_id is too long")
    parts = [block[name] for name in ("text",) if name in block]
    if any(not 1 <= len(part["text"]) <= LIMITS[kind] for part in parts):
        errors.append(f"must be between 1 and {LIMITS[kind]} characters")
    if kind == "header" and block["text"]["type"] != "plain_text":
        errors.append("a header is plain_text")
    if any("verbatim" in part for part in texts(block) if part["type"] == "plain_text"):
        errors.append("verbatim is for mrkdwn")
    fields = block.get("fields", [])
    if len(fields) > 10 or any(not 1 <= len(part["text"]) <= 2000 for part in fields):
        errors.append("fields: at most 10 of 2000 characters")
    if len(block.get("elements", [])) > (25 if kind == "actions" else 10):
        errors.append("no more than 10 items allowed")
    if kind == "actions":
        errors += _actions(block)
    if kind == "section" and not parts and not fields:
        errors.append("a section needs text or fields")
    return errors


def _actions(block: dict[str, Any]) -> list[str]:
    names = [element.get("action_id") for element in block.get("elements", [])]
    errors = [] if names and len(set(names)) == len(names) else ["action_id must be there once each"]
    for element in block.get("elements", []):
        if element["type"] == "button" and (len(element["text"]["text"]) > 75 or len(element.get("value", "")) > 2000):
            errors.append("a button's text has at most 75 characters")
        if element.get("style", "primary") not in ("primary", "danger"):
            errors.append("style: primary or danger")
    return errors


def _so(code: str) -> Result:
    # Not mistakes of the caller, but conditions of the workspace.
    return 200, {"ok": False, "error": code}, []


def _no(code: str, words: str = "") -> Result:
    answer: dict[str, Any] = {"ok": False, "error": code}
    if words:
        answer |= {"errors": [words], "response_metadata": {"messages": [f"[ERROR] {words}"]}}
    return 200, answer, [code]
