"""Every operation of the OpenAPI document returns 2xx with a response that matches its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from aiohttp import web

from receiver.config import Config
from receiver.model.delivery.subscription import Subscriber
from receiver.model.oncall.team_settings import Team
from receiver.sources.http_client import SourceAnswer, SourceClient
from receiver.web.api.operations import OPERATIONS, Operation
from receiver.web.openapi.openapi_page import document
from tests.stories.world import alert, notification
from tests.web.auth.test_sessions import sign_in
from tests.web.conftest import JSON, House, Opened

ADMIN = {"Authorization": "Bearer admin-token"}
ONE, TWO, THREE, FOUR = (f"/api/v1/incidents/INC-2026-000{n}" for n in range(1, 5))
SHIFT = {"from": "2026-11-24T09:00:00Z", "until": "2026-11-24T17:00:00Z"}
Step = tuple[str, str, Any]
"""Method, path and body of requests in sequence."""

DAY: list[Step] = [
    ("GET", "/api/v1/incidents?open=true", None),
    ("POST", "/api/v1/incidents", {"title": "By hand", "severity": "SEV-3", "service": "web"}),
    ("GET", ONE, None),
    ("GET", f"{ONE}/similar", None),
    ("PATCH", ONE, {"summary": "errors", "impact": "checkout"}),
    ("POST", f"{ONE}/acknowledge", {"by": "alice"}),
    ("POST", f"{ONE}/escalate", None),
    ("POST", f"{ONE}/notes", {"text": "looked at the logs"}),
    ("POST", f"{ONE}/roles", {"role": "ic", "person": "alice"}),
    ("POST", f"{ONE}/checklist", {"item": 1, "done": True}),
    ("POST", f"{ONE}/actions", {"title": "add a limit", "owner": "alice", "due": "2026-12-01"}),
    ("PATCH", f"{ONE}/actions/1", {"status": "done"}),
    ("POST", f"{ONE}/mitigations", {"option": "rollback", "text": "to v41"}),
    ("POST", f"{ONE}/status-updates", {"status": "investigating", "text": "We look into it.", "publish": False}),
    ("POST", f"{ONE}/status-updates/1/approve", None),
    ("POST", f"{ONE}/status-updates", {"status": "identified", "text": "A bad release.", "publish": False}),
    ("GET", "/api/v1/status-updates", None),
    ("PATCH", f"{ONE}/status-updates/2", {"text": "A faulty release."}),
    ("POST", f"{ONE}/status-updates/2/discard", None),
    ("POST", f"{ONE}/noise", {"noise": True, "text": "fires every night"}),
    ("POST", f"{ONE}/pages", {"contact": "backend-oncall", "text": "come"}),
    ("GET", "/api/v1/teams", None),
    ("POST", f"{ONE}/team", {"team": "web", "text": "theirs"}),
    ("POST", f"{ONE}/timer", {"action": "start"}),
    ("POST", f"{ONE}/silence", {"duration": 7200}),
    ("POST", f"{ONE}/identify", {"text": "a bad release"}),
    ("POST", f"{ONE}/split", {"fingerprints": ["<second>"]}),
    ("POST", f"{THREE}/merge", {"into": "INC-2026-0001"}),
    ("POST", f"{ONE}/visibility", {"visibility": "team"}),
    ("POST", f"{ONE}/visibility", {"visibility": "all"}),
    ("POST", f"{ONE}/mitigate", None),
    ("POST", f"{ONE}/resolve", None),
    ("POST", f"{ONE}/reopen", None),
    ("POST", f"{ONE}/close", {"force": True, "text": "a test"}),
    ("GET", f"{ONE}/timeline", None),
    ("GET", f"{ONE}/postmortem", None),
    ("PUT", f"{ONE}/postmortem", {"markdown": "## Review\n\n**Status**: Draft", "status": "final"}),
    ("GET", f"{ONE}/postmortem?version=0", None),
    ("PATCH", f"{ONE}/timeline/2", {"text": "what really was", "hidden": False}),
    ("GET", f"{ONE}/timeline", None),
    ("POST", f"{ONE}/clocks", {"clock": "impact_began", "at": "2026-11-23T13:55:00Z", "text": "by the access log"}),
    ("GET", f"{ONE}/clocks", None),
    ("GET", f"{ONE}/customer-email", None),
    ("GET", "/api/v1/archive", None),
    ("POST", "/api/v1/archive", {"items": [{"format": 9}]}),
    ("GET", "/api/v1/reports/monthly?month=2026-11", None),
    ("GET", "/api/v1/reports/metrics", None),
    ("POST", "/api/v1/pages", {"contact": "backend-oncall", "text": "hello"}),
    ("GET", "/api/v1/dead-letters", None),
    ("POST", "/api/v1/dead-letters/<letter>/replay", None),
    ("DELETE", "/api/v1/dead-letters/<letter>", None),
    ("POST", "/api/v1/dead-letters/replay", {"channel": "chat"}),
    ("GET", "/api/v1/sessions", None),
    ("DELETE", "/api/v1/sessions/<session>", None),
    ("GET", "/api/v1/channels", None),
    ("POST", "/api/v1/channels/chat/test", None),
    ("GET", "/api/v1/oncall", None),
    ("GET", "/api/v1/oncall/preflight", None),
    ("POST", "/api/v1/oncall/prove", {"people": ["alice"], "within": 60}),
    ("GET", "/api/v1/oncall/prove", None),
    ("POST", "/api/v1/oncall/overrides", {"schedule": "primary", "person": "bob", **SHIFT}),
    ("GET", "/api/v1/oncall/overrides", None),
    ("DELETE", "/api/v1/oncall/overrides/<override>", None),
    ("POST", "/api/v1/oncall/overrides", {"schedule": "primary", "person": "bob", **SHIFT}),
    ("DELETE", "/api/v1/oncall/overrides?id=<override>", None),
    ("GET", "/api/v1/oncall/primary.ics", None),
    ("POST", "/api/v1/oncall/primary/calendar", {"person": "alice"}),
    ("DELETE", "/api/v1/oncall/primary/calendar?person=alice", None),
    ("GET", "/api/v1/oncall/primary/shifts?days=7", None),
    ("POST", "/api/v1/oncall/primary/accept", None),
    ("POST", "/api/v1/oncall/offers", {"dates": ["2026-11-24", "2026-12-01"], "schedule": "primary", "by": "alice"}),
    ("GET", "/api/v1/oncall/offers", None),
    ("POST", "/api/v1/oncall/offers/<offer>/accept", {"by": "bob"}),
    ("DELETE", "/api/v1/oncall/overrides/<offer>", None),
    ("DELETE", "/api/v1/oncall/offers/<offer>", None),
    ("GET", "/api/v1/oncall/primary/log", None),
    ("POST", "/api/v1/maintenance", {"name": "upgrade", "matchers": ['service="db"'], **SHIFT}),
    ("GET", "/api/v1/maintenance", None),
    ("DELETE", "/api/v1/maintenance/<window>", None),
    ("POST", "/api/v1/maintenance", {"name": "upgrade", "matchers": ['service="db"'], **SHIFT}),
    ("DELETE", "/api/v1/maintenance?id=<window>", None),
    ("POST", "/api/v1/announcements", {"title": "New prices", "text": "From January on."}),
    ("GET", "/api/v1/announcements", None),
    ("DELETE", "/api/v1/announcements/<announcement>", None),
    ("GET", "/api/v1/status-subscribers", None),
    ("POST", "/api/v1/status-subscribers/ab12/stop", None),
    ("DELETE", "/api/v1/status-subscribers/ab12", None),
    ("GET", "/api/v1/rules/unknowns", None),
    ("GET", "/api/v1/rules/hits", None),
    ("GET", "/api/v1/rules/history", None),
    ("POST", "/api/v1/simulate", {"payload": json.loads(notification(alert()))}),
]  # fmt: skip


class Upstream(SourceClient):
    """An Alertmanager that accepts every silence."""

    async def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = 1_000_000,
    ) -> SourceAnswer:
        return SourceAnswer(200, b"[]")

    async def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> SourceAnswer:
        return SourceAnswer(200, b'{"silenceID": "5cd0a8f1-0000-4000-8000-000000000000"}')


def with_a_team(config: Config) -> Config:
    return config.model_copy(update={"teams": {"web": Team(labels={"team": "web"})}})


@pytest.fixture
async def house(opened: Opened) -> House:
    made = await opened(with_a_team, ALERTMANAGER_URL="http://alertmanager.example.com:9093")
    made.replica.silences.source_client = Upstream()
    made.world.slack.refused["chat.postMessage"] = "channel_not_found"  # so that there are dead letters
    await made.post(notification(alert("AuthDown"), alert("LoginDown"), group="auth"))
    await made.world.quiet()
    await sign_in(made)
    someone = Subscriber(id="ab12", address="a@b.example", confirmed_at=made.world.clock.now())
    await made.replica.subscriptions.subscribers.put(someone)
    return made


async def asked(house: House, step: Step, known: dict[str, str]) -> tuple[int, Any]:
    method, path, body = step
    text = json.dumps(body)
    for name, value in known.items():
        path, text = path.replace(f"<{name}>", value), text.replace(f"<{name}>", value)
    sent = {"data": text, "headers": {**ADMIN, **JSON}} if body is not None else {"headers": ADMIN}
    async with house.client.request(method, path, **sent) as response:
        await house.world.quiet()
        raw = await response.read()
        plain = response.content_type in ("text/calendar", "text/event-stream")
        return response.status, raw.decode() if plain else json.loads(raw)


def operation_of(app: web.Application, method: str, path: str) -> Operation:
    """Return the operation with the longest matching path."""
    words = path.partition("?")[0].split("/")

    def fits(one: Operation) -> bool:
        parts = one.path.split("/")
        return len(parts) == len(words) and all(
            a == b or (a.startswith("{") and (not a.endswith(".ics") or b.endswith(".ics")))
            for a, b in zip(parts, words, strict=True)
        )

    found = [one for one in app[OPERATIONS] if one.method == method and fits(one)]
    return min(found, key=lambda one: one.path.count("{"))


async def test_every_operation_answers_2xx_and_as_it_is_described(house: House) -> None:  # noqa: C901
    app = house.client.app
    assert app is not None
    described = document(app[OPERATIONS])
    _, whole = await house.get(ONE)
    known = {"second": sorted(item["fingerprint"] for item in whole["alerts"]["items"])[0]}
    seen = set()
    for step in DAY:
        status, found = await asked(house, step, known)
        one = operation_of(app, step[0], step[1])
        assert status == one.status, (step, status, found)
        if step[0] == "GET":
            path = step[1]
            for name, value in known.items():
                path = path.replace(f"<{name}>", value)
            # A HEAD is a GET without its body (RFC 9110, 9.1).
            async with house.client.head(path, headers=ADMIN) as head:
                assert (head.status, await head.read()) == (status, b""), path
        if one.answer:
            schema = {**described["components"]["schemas"][one.answer], "components": described["components"]}
            jsonschema.validate(found, schema, format_checker=jsonschema.FormatChecker())
        if step[0] == "GET" and "dead-letters" in step[1]:
            known["letter"] = found["items"][0]["id"]
        if step[0] == "GET" and "sessions" in step[1]:
            known["session"] = found["items"][0]["id"]
        if step[0] == "POST" and "overrides" in step[1]:
            known["override"] = found["id"]
        if step[0] == "POST" and step[1].endswith("/offers"):
            known["offer"] = found["items"][0]["id"]
        if step[0] == "POST" and "announcements" in step[1]:
            known["announcement"] = found["id"]
        if step[0] == "POST" and "maintenance" in step[1]:
            known["window"] = found["id"]
        seen.add((one.method, one.path))
    every = {(one.method, one.path) for one in app[OPERATIONS]}
    # The stream has no end: test_respond.py listens to it.
    assert every - seen == {("GET", "/api/v1/events")}
