"""V4: no value in a notification blocks later notifications, or the shutdown of the process."""

from __future__ import annotations

import json
import signal
from typing import Any

from tests.faults.waiting import until
from tests.security.target import ADMIN, RESPOND, Target
from tests.stories.world import alert, notification

HUGE = 18446744073709551616
"""2**64: no integer of 64 bits."""


def poisoned(literal: str, number: int) -> bytes:
    """Return a notification of a new group with this text as `truncatedAlerts`."""
    body = json.loads(notification(alert(f"Poison{number}"), group=f"poison {number}"))
    body["truncatedAlerts"] = "HERE"
    return json.dumps(body).replace('"HERE"', literal).encode()


LITERALS = (str(HUGE), "9" * 300, "9" * 5000, "1e300", "4294967296", f'"{HUGE}"')
CALLS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/api/v1/incidents/INC-2026-0001/checklist", {"item": HUGE}),
    ("POST", "/api/v1/incidents/INC-2026-0001/silence", {"duration": HUGE}),
    ("POST", "/api/v1/maintenance", {"title": "x", "matchers": ["a=b"], "weekly": "Sunday 03:00", "for": HUGE}),
    ("PATCH", f"/api/v1/incidents/INC-2026-0001/actions/{HUGE}", {"status": "done"}),
    ("GET", f"/api/v1/incidents?limit={HUGE}", None),
    ("GET", f"/api/v1/incidents?cursor={HUGE}.ab", None),
    ("GET", "/api/v1/incidents?cursor=999999999999999.ab", None),
    ("GET", f"/api/v1/incidents/INC-2026-0001/postmortem?version={HUGE}", None),
    ("GET", f"/api/v1/incidents/INC-2026-{HUGE}", None),
    ("GET", f"/api/v1/rules/history?since={HUGE}", None),
    ("POST", "/api/v1/archive", {"items": [{"format": HUGE}]}),
    ("POST", "/api/v1/simulate", {"payload": {"version": "4", "truncatedAlerts": HUGE}}),
)


async def test_a_huge_integer_harms_nothing_and_the_process_ends_well(target: Target) -> None:
    for number, literal in enumerate(LITERALS):
        status, said = await target.post_webhook(poisoned(literal, number))
        assert status == 200, (literal[:30], said)
    assert (await target.post_webhook())[0] == 200

    async def kept() -> bool:
        status, body = await target.ask("GET", "/api/v1/rules/history", token=RESPOND)
        assert status == 200, body
        return len(json.loads(body)["items"]) == len(LITERALS) + 1

    await until(kept, "every notification in the history", 15)
    target.service.signal(signal.SIGTERM)
    assert await target.service.ended(20) == 0
    assert "Traceback" not in target.log
    assert target.lines("step_failed") == []


async def test_no_integer_of_a_caller_is_an_error_of_ours(target: Target) -> None:
    await target.post_webhook()
    for method, path, body in CALLS:
        status, said = await target.ask(method, path, token=ADMIN, body=body)
        assert status < 500, (path, said)
    for change in ({"item": HUGE}, {"item": -HUGE}):
        path = "/api/v1/incidents/INC-2026-0001/checklist"
        assert (await target.ask("POST", path, token=ADMIN, body=change))[0] == 400


async def test_no_value_of_a_vendor_is_an_error_of_ours(target: Target) -> None:
    await target.post_webhook()
    odd: tuple[Any, ...] = (HUGE, -HUGE, 1e300, None, True, [], {}, [[[]]], {"id": HUGE}, "9" * 5000, "\ud800", "")
    user = {"user": {"id": "U0ALICE", "name": "alice"}, "team": {"id": "T0ACME"}, "api_app_id": "A0APP"}
    for value in odd:
        for name in ("id", "event_type", "occurred_at", "agent", "data", "resource_type"):
            status, said = await target.send_pager_event(**{name: value})
            assert status != 500, (name, value, said)
        for name in ("type", "actions", "view", "user", "channel", "team", "response_url", "trigger_id"):
            status, said = await target.click({**user, "type": "block_actions", name: value})
            assert status != 500, (name, value, said)
        action = {"type": "button", "action_id": "incident_ack", "block_id": value, "value": value}
        assert (await target.click({**user, "type": "block_actions", "actions": [action]}))[0] != 500, value
    for text in (f"severity {HUGE}", f"INC-2026-{HUGE} ack", "timer " + "9" * 5000, f"silence {HUGE}h INC-2026-0001"):
        assert (await target.type_command(text))[0] == 200, text[:40]
    assert "Traceback" not in target.log


async def test_an_archive_of_huge_integers_is_refused(target: Target) -> None:
    await target.post_webhook()
    path = "/api/v1/incidents/INC-2026-0001/close"
    status, said = await target.ask("POST", path, token=ADMIN, body={"force": True, "text": "x"})
    assert status == 200, said
    status, said = await target.ask("GET", "/api/v1/archive", token=ADMIN)
    (document,) = json.loads(said)["items"]
    for change in ({"version": HUGE}, {"state": {**document["state"], "flaps": HUGE}}, {"version": 10.0**300}):
        body = {"items": [{**document, **change}]}
        status, said = await target.ask("POST", "/api/v1/archive", token=ADMIN, body=body)
        assert status == 200, said
        assert len(json.loads(said)["refused"]) == 1
