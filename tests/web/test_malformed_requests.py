"""An authenticated caller may send anything: every endpoint responds, and never with a 500."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from receiver.channels.slack.command_reply import FORM as SLACK_FORM
from receiver.web.api.operations import OPERATIONS
from tests.stories.world import alert, notification
from tests.web.api.test_every_operation import ADMIN, DAY, Upstream
from tests.web.conftest import INGEST, JSON, House, Opened
from tests.web.webhooks import test_pagerduty as pager
from tests.web.webhooks.test_alertmanager import raw_answer
from tests.web.webhooks.test_slack import signed

RAW: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"0",
    "half an object": b"{",
    "a null byte": b"\x00",
    "no UTF-8": b"\xff\xfe{\x00}\x00",
    "a mark in front": b"\xef\xbb\xbf{}",
    "deep lists": b"[" * 50_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "not a number": b'{"x": NaN, "y": -Infinity, "z": 1e999}',
    "a key twice": b'{"text": "a", "text": "b"}',
    "an odd key": b'{"\\u0000": 1, "\\ud800": 2, "": 3}',
    "an empty object": b"{}",
}
DEEP: Any = "x"
for _ in range(300):
    DEEP = {"a": DEEP}
ODD: tuple[Any, ...] = (
    None, True, -1, 2**64, 1e300, "", "x" * 70_000, "a\x00b", "\ud800", "0001-01-01T00:00:00Z", [None], {"a": [1]},
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "1e999", "http://[", "&#0;", DEEP,
)  # fmt: skip
"""The values that replace each field of a body, one at a time."""
TEXTS = ("", "\x00", "\ud800", "1" * 400, "x" * 5000, "2026-13-45", "9999-12-31", "0001-01-01T00:00:00+14:00")
"""The values of each query parameter."""


class Sweep:
    """Sends requests, and records internal errors."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sent = 0
        self.failures: list[str] = []

    async def send(self, method: str, path: str, raw: bytes | None, headers: dict[str, str], what: str) -> None:
        async with self.house.client.request(method, path, data=raw, headers=headers) as response:
            if path != "/api/v1/events" or response.status != 200:
                await response.read()
            self.sent += 1
            # 502 and 503 are errors of an Alertmanager or a store.
            if response.status not in (502, 503) and response.status >= 500:
                self.failures.append(f"{response.status} {method} {path[:120]}: {what[:120]}")


def bent(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield `body` with each field in turn changed to each odd value, and with an additional field."""
    for where in places(body):
        for value in ODD:
            changed = copy.deepcopy(body)
            holder = changed
            for part in where[:-1]:
                holder = holder[part]
            holder[where[-1]] = value
            yield f"{where} = {value!r:.40}", changed
    if isinstance(body, dict):
        yield "a field too many", {**body, "odd": 1}


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in list(items)[:12]:
        yield (*path, key)
        yield from places(value, (*path, key))


def dumped(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.fixture
async def house(opened: Opened) -> House:
    made = await opened(ALERTMANAGER_URL="http://alertmanager.example.com:9093", PAGERDUTY_WEBHOOK_SECRET=pager.SECRET)
    made.replica.silences.source_client = Upstream()
    await made.post(notification(alert("AuthDown"), alert("LoginDown"), group="auth"))
    return made


def known(path: str) -> str:
    for name in ("second", "letter", "override", "window"):
        path = path.replace(f"<{name}>", "4f1c")
    return path


async def test_an_authenticated_caller_gets_no_500_for_any_body(house: House) -> None:
    sweep = Sweep(house)
    operations = house.client.app and house.client.app[OPERATIONS]
    assert operations
    for method, path, body in DAY:
        if method == "GET":
            continue
        for what, raw in RAW.items():
            await sweep.send(method, known(path), raw, {**ADMIN, **JSON}, what)
        for what, changed in bent(body if isinstance(body, dict) and "payload" not in body else {}):
            await sweep.send(method, known(path), dumped(changed), {**ADMIN, **JSON}, what)
    assert sweep.sent > 1000
    assert sweep.failures == []


async def test_an_authenticated_caller_gets_no_500_for_any_address(house: House) -> None:
    sweep = Sweep(house)
    operations = house.client.app and house.client.app[OPERATIONS]
    assert operations
    for one in operations:
        if one.kind == "text/event-stream":
            continue
        for text in TEXTS:
            odd = quote(text.encode("utf-8", "surrogatepass"), safe="")
            path = one.path
            for part in [part[1:].partition("}")[0] for part in path.split("/") if part.startswith("{")]:
                path = path.replace(f"{{{part}}}", odd or "%20")
            raw = None if one.method == "GET" else b"{}"
            await sweep.send(one.method, path, raw, {**ADMIN, **JSON}, "its path")
            if one.method != "GET":
                continue
            plain = one.path.replace("{id}", "INC-2026-0001").replace("{schedule}", "primary").replace("{n}", "1")
            for name in (*(parameter.name for parameter in one.query), "id", "month", "version", "days", "since"):
                await sweep.send(one.method, f"{plain}?{name}={odd}", raw, {**ADMIN, **JSON}, name)
    assert sweep.sent > 500
    assert sweep.failures == []


HEADERS = {
    "Idempotency-Key": ("", " ", "x" * 5000, "\xff", '"'),
    "If-Match": ("", "*", '"', "W/", '"x"', '"' + "9" * 400 + '"', '"-1"'),
    "If-None-Match": ("", "*", '"' * 100),
    "Accept": ("", "*", "text/markdown;q=x", ",,,", "text/html;" * 500, "\xff"),
    "Content-Type": ("", "x", "application/json; charset=nosuch", "application/json; charset=utf-16", "\xff/\xff"),
    "Content-Encoding": ("gzip", "br", "x", "gzip, gzip"),
    "Authorization": ("", "Bearer", "Basic !", "Basic Og==", "Bearer " + "\xff" * 100),
    "Last-Event-ID": ("", "x", "-1", "9" * 400),
    "Range": ("bytes=0-", "x"),
    "Origin": ("null", "x"),
}


async def test_an_authenticated_caller_gets_no_500_for_any_header(house: House) -> None:
    sweep = Sweep(house)
    for method, path, body in DAY[::6]:
        for name, values in HEADERS.items():
            for value in values:
                raw = None if method == "GET" else dumped(body)
                await sweep.send(method, known(path), raw, {**ADMIN, **JSON, name: value}, f"{name}: {value!r:.40}")
    assert sweep.failures == []


BYTES = ("User-Agent", "Origin", "Accept", "Accept-Language", "If-None-Match", "If-Match", "Idempotency-Key", "Cookie",
         "X-Forwarded-For", "Sec-Fetch-Site", "Referer", "Accept-Encoding", "X-Request-Id")  # fmt: skip
CALLS: tuple[tuple[str, str, str], ...] = (
    ("POST /login", "Content-Type: application/x-www-form-urlencoded", "token=respond-token&next=/"),
    ("POST /webhooks/alertmanager", "Content-Type: application/json\r\nAuthorization: Bearer am-token", "[]"),
    ("POST /api/v1/incidents", "Content-Type: application/json\r\nAuthorization: Bearer admin-token", "{}"),
    ("GET /api/v1/incidents", "Authorization: Bearer admin-token", ""),
    ("GET /", "Accept: text/html\r\nAuthorization: Bearer admin-token", ""),
    ("GET /status", "Accept: text/html", ""),
)


@pytest.mark.parametrize("header", BYTES)
async def test_bytes_in_a_header_that_are_no_utf8_are_no_error(house: House, header: str) -> None:
    for call, more, body in CALLS:
        head = f"{call} HTTP/1.1\r\nHost: localhost\r\n{more}\r\nContent-Length: {len(body)}\r\n{header}: "
        found = await raw_answer(house, head.encode() + b"caf\xe9 \xff\r\n\r\n" + body.encode())
        assert int(found.split(b" ")[1]) < 500, (call, found)


async def test_somebody_signs_in_with_a_browser_that_names_itself_in_latin_1(house: House) -> None:
    body = b"token=respond-token&next=/"
    head = f"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nAccept: text/html\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: "
    found = await raw_answer(house, head.encode() + b"caf\xe9\r\n\r\n" + body)
    assert b"Set-Cookie" in found, found


async def test_a_sender_gets_no_500_for_any_notification(house: House) -> None:
    sweep = Sweep(house)
    headers = {**INGEST, **JSON}
    for what, raw in RAW.items():
        await sweep.send("POST", "/webhooks/alertmanager", raw, headers, what)
    body = json.loads(notification(alert(annotations={"summary": "s"})))
    for what, changed in bent(body):
        await sweep.send("POST", "/webhooks/alertmanager", dumped(changed), headers, what)
    for what, changed in bent({"payload": body}):
        await sweep.send("POST", "/api/v1/simulate", dumped(changed), {**ADMIN, **JSON}, what)
    assert sweep.sent > 400
    assert sweep.failures == []


async def test_a_signed_webhook_of_the_pager_gets_no_500(house: House) -> None:
    sweep = Sweep(house)
    bodies = list(RAW.items())
    key = house.world.sent()[0]
    for kind in ("acknowledged", "annotated", "priority_updated"):
        data = {"assignees": [pager.ADA], "priority": {"summary": "P1"}, "content": "text"}
        whole = json.loads(pager.event(kind, key, data=data))
        bodies += [(what, dumped(changed)) for what, changed in bent(whole)]
    for what, raw in bodies:
        headers = {**JSON, "X-PagerDuty-Signature": pager.sign(raw)}
        await sweep.send("POST", pager.PATH, raw, headers, what)
    assert sweep.sent > 300
    assert sweep.failures == []


FIELDS = {
    "team_id": "T0ACME", "channel_id": "C0GENERAL", "user_id": "U0ALICE", "user_name": "alice", "command": "/incident",
    "text": "list", "api_app_id": "A0APP", "trigger_id": "1.2.3", "response_url": "https://hooks.slack.com/x",
}  # fmt: skip
WORDS = (
    "", " ", "\x00", "show \x00", "severity 9", "severity", "role ic", "role x @y", 'note "', "note " + "x" * 5000,
    "checklist 99", "action", 'action "t" @o 2026-99-99', "silence 99999999999999d", "silence -1h", "timer x", "merge",
    "merge INC-2026-0001", "ack INC-2026-99999999999999999999", "create", 'create "x" severity=0', "close --force",
    "mitigate", "<@U0ALICE>", "\u201cnote\u201d", "resolve " + "INC-2026-0001 " * 50, "\u202e", "postmortem",
    "escalate", "update resolved x", "accept x", "approve 0", "@x", "@x y", "offer 9999-12-31", "offer 0001-01-01",
    'action "t" @o 9999-12-31', 'action "t" @o 0001-01-01',
)  # fmt: skip


VALUES = {
    "status": {"status_select": {"selected_option": {"value": "identified"}}},
    "msg": {"msg_input": {"value": "It is the database."}},
    "sev": {"sev_select": {"selected_option": {"value": "2"}}},
    "cause": {"cause_input": {"value": "A failed disk"}},
    "next": {"next_select": {"selected_option": {"value": "30"}}},
}
VIEW = {
    "id": "V0FORM", "callback_id": SLACK_FORM, "private_metadata": '{"incident": "INC-2026-0001"}',
    "state": {"values": VALUES},
}  # fmt: skip
USER = {"user": {"id": "U0ALICE", "name": "alice"}, "team": {"id": "T0ACME"}, "api_app_id": "A0APP"}
ACTION = {"type": "button", "action_id": "incident_ack", "block_id": "incident_actions", "value": "INC-2026-0001"}
ACTIONS = (
    {"action_id": "incident_mitigate", "block_id": "a INC-2026-0001 s", "selected_option": {"value": "rollback"}},
    {"action_id": "incident_checklist", "block_id": "a INC-2026-0001 1", "selected_options": [{"value": "1"}]},
    {"action_id": "incident_escalate", "block_id": "a INC-2026-0001 s"},
    {"action_id": "incident_take_ic", "value": "INC-2026-0001"},
)
CLICKS = (
    *({**USER, "type": "block_actions", "actions": [one], "trigger_id": "1.2.3"} for one in ACTIONS),
    {**USER, "type": "block_actions", "channel": {"id": "C0INCIDENTS"}, "actions": [ACTION], "trigger_id": "1.2.3"},
    {**USER, "type": "view_submission", "view": VIEW},
    {**USER, "type": "shortcut", "callback_id": "x"},
)
EVENTS = (
    {
        "type": "event_callback", "team_id": "T0ACME", "api_app_id": "A0APP", "event_id": "Ev1",
        "event": {
            "type": "pin_added", "user": "U0ALICE", "channel_id": "C0INCIDENTS",
            "item": {"type": "message", "message": {"ts": "1.2", "text": "x", "user": "U0BOB"}},
        },
    },
    {"type": "url_verification", "challenge": "x", "token": "t"},
)  # fmt: skip
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORMS = (b"&" * 1000, b"=" * 1000, b"a=1&" * 200, b"payload", b"payload=%ff", b"%=%&%zz=%u1234")


async def test_a_signed_request_of_slack_gets_no_500_for_any_body(house: House) -> None:
    sweep = Sweep(house)
    for path in ("/slack/commands", "/slack/interactions", "/slack/events"):
        for what, raw in RAW.items():
            wrapped = b"payload=" + quote(raw).encode()
            await sweep.send("POST", path, raw, {**FORM, **signed(house, raw)}, what)
            await sweep.send("POST", path, wrapped, {**FORM, **signed(house, wrapped)}, f"payload {what}")
            await sweep.send("POST", path, raw, {**JSON, **signed(house, raw)}, f"JSON {what}")
        for raw in FORMS:
            await sweep.send("POST", path, raw, {**FORM, **signed(house, raw)}, repr(raw[:40]))
    assert sweep.failures == []


async def test_no_slash_command_gets_a_500(house: House) -> None:
    sweep = Sweep(house)
    odd = [{name: value} for name in FIELDS for value in ("", "\x00", "x" * 3000, "\u2028", "-1")]
    typed = [
        {"command": command, "text": text}
        for command in ("/incident", "/page", "/status", "/oncall", "", "/x\x00")
        for text in WORDS
    ]
    for number, fields in enumerate([*odd, *typed]):
        raw = urlencode({**FIELDS, "trigger_id": f"1.{number}", **fields}).encode()
        await sweep.send("POST", "/slack/commands", raw, {**FORM, **signed(house, raw)}, str(fields))
    assert sweep.failures == []


async def test_no_click_and_no_event_of_slack_gets_a_500(house: House) -> None:
    sweep = Sweep(house)
    for payload in CLICKS:
        for what, changed in bent(payload):
            raw = urlencode({"payload": json.dumps(changed)}).encode()
            await sweep.send("POST", "/slack/interactions", raw, {**FORM, **signed(house, raw)}, what)
    for event in EVENTS:
        for what, changed in bent(event):
            raw = dumped(changed)
            await sweep.send("POST", "/slack/events", raw, {**JSON, **signed(house, raw)}, what)
    assert sweep.sent > 500
    assert sweep.failures == []
