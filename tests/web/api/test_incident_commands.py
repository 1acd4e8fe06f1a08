"""A responder's actions through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, JSON, READ, House, Opened

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
RESPOND = READ
"""The token of the reference configuration may read and respond."""


async def do(house: House, path: str, body: Any = None, method: str = "POST", **headers: str) -> tuple[int, Any]:
    sent = {**RESPOND, **headers}
    async with house.client.request(method, f"/api/v1{path}", json=body, headers=sent) as response:
        await house.world.quiet()
        return response.status, await response.json(content_type=None)


@pytest.fixture
async def house(opened: Opened) -> House:
    made = await opened()
    await made.post(notification(alert(**HIGH)))
    await made.world.quiet()
    return made


INC = "/incidents/INC-2026-0001"


async def test_an_incident_lives_through_all_its_states(house: House) -> None:
    for verb, state, field in (
        ("acknowledge", "acknowledged", "acknowledged_at"),
        ("identify", "identified", "identified_at"),
        ("mitigate", "monitoring", "mitigated_at"),
        ("resolve", "resolved", "resolved_at"),
        ("close", "closed", "closed_at"),
    ):
        house.world.clock.forward(timedelta(minutes=1))
        status, incident = await do(house, f"{INC}/{verb}", {"by": "alice", "text": f"{verb} now"})
        assert (status, incident["state"]) == (200, state)
        assert incident[field] is not None
    status, incident = await do(house, f"{INC}/reopen")
    assert (status, incident["state"], incident["closed_at"]) == (200, "open", None)
    assert house.world.rung() == ["alice", "alice"]
    _, timeline = await house.get(f"/api/v1{INC}/timeline")
    by = {(event["kind"], event["actor"]["kind"], event["actor"]["name"]) for event in timeline["items"]}
    assert ("acknowledged", "api", "alice") in by
    assert ("reopened", "api", "on-call-cli") in by


@pytest.mark.parametrize(
    ("before", "verb", "body"),
    [((), "close", None), ((), "reopen", None), (("resolve",), "acknowledge", None), (("resolve",), "resolve", None),
     (("resolve", "close"), "close", None), (("mitigate",), "identify", None), ((), "close", {"force": True}),
     (("identify",), "identify", None)],
)  # fmt: skip
async def test_what_the_state_does_not_allow_is_refused_with_what_is_possible(
    house: House, before: tuple[str, ...], verb: str, body: Any
) -> None:
    for step in before:
        assert (await do(house, f"{INC}/{step}"))[0] == 200
    _, known = await house.get(f"/api/v1{INC}")
    status, problem = await do(house, f"{INC}/{verb}", body)
    assert status == 409
    assert "INC-2026-0001" in problem["detail"]
    assert problem["errors"] and {error["path"] for error in problem["errors"]} == {"possible"}
    assert (await house.get(f"/api/v1{INC}"))[1]["version"] == known["version"]


async def test_an_acknowledgement_stops_the_escalation_and_answers_every_page(house: House) -> None:
    await do(house, f"{INC}/acknowledge")
    assert house.world.sent("acknowledge") == house.world.sent("trigger")
    await house.world.forward("50m")
    assert house.world.rung() == ["alice"]


async def test_a_version_that_has_passed_changes_nothing(house: House) -> None:
    async with house.client.get(f"/api/v1{INC}", headers=READ) as response:
        tag = response.headers["ETag"]
    assert (await do(house, f"{INC}/acknowledge", **{"If-Match": tag}))[0] == 200
    status, problem = await do(house, f"{INC}/resolve", **{"If-Match": tag})
    assert (status, problem["status"]) == (412, 412)
    assert (await house.get(f"/api/v1{INC}"))[1]["state"] == "acknowledged"
    assert (await do(house, f"{INC}/resolve", **{"If-Match": "three"}))[0] == 400
    assert (await do(house, f"{INC}/resolve", **{"If-Match": "*"}))[0] == 200


async def test_what_has_not_changed_is_not_sent_again(house: House) -> None:
    async with house.client.get(f"/api/v1{INC}", headers=READ) as response:
        tag = response.headers["ETag"]
    async with house.client.get(f"/api/v1{INC}", headers={**READ, "If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")


async def test_the_same_request_under_one_key_is_done_once(house: House) -> None:
    key = {"Idempotency-Key": "abc"}
    note = {"text": "checked the load balancer"}
    first = await do(house, f"{INC}/notes", note, **key)
    again = await do(house, f"{INC}/notes", note, **key)
    assert first[0] == again[0] == 200
    assert first[1]["version"] == again[1]["version"]
    assert (await do(house, f"{INC}/notes", {"text": "another"}, **key))[0] == 409
    one = await do(house, "/incidents", {"title": "By hand", "severity": "SEV-3"}, **{"Idempotency-Key": "d"})
    two = await do(house, "/incidents", {"title": "By hand", "severity": "SEV-3"}, **{"Idempotency-Key": "d"})
    assert (one[0], one[1]["id"]) == (two[0], two[1]["id"]) == (201, "INC-2026-0002")


async def test_the_work_is_kept(house: House) -> None:
    for path, body in (
        ("roles", {"role": "ic", "person": "alice"}),
        ("checklist", {"item": 2, "done": True}),
        ("actions", {"title": "Add a canary", "owner": "bob", "due": "2026-12-01"}),
        ("mitigations", {"option": "rollback", "text": "back to 41"}),
        ("timer", {"action": "start"}),
        ("status-updates", {"status": "identified", "text": "A bad deployment", "publish": False}),
        ("notes", {"text": "it began with the deploy", "at": "2026-11-23T14:00:00Z"}),
    ):
        status, incident = await do(house, f"{INC}/{path}", body)
        assert status == 200, (path, incident)
    assert incident["roles"]["incident_commander"] == "alice"
    assert [item["item"] for item in incident["checklist"] if item["done"]] == [2]
    assert incident["actions"][0]["due"] == "2026-12-01"
    assert incident["mitigations"][0]["option"] == "rollback"
    assert incident["timer"]["stopped_at"] is None
    assert (incident["state"], incident["status_updates"][0]["published_at"]) == ("identified", None)
    status, incident = await do(house, f"{INC}/status-updates/1/approve", {"by": "carol"})
    assert (status, incident["status_updates"][0]["approved_by"]) == (200, "carol")
    status, incident = await do(house, f"{INC}/actions/1", {"status": "done"}, "PATCH")
    assert (status, incident["actions"][0]["status"]) == (200, "done")
    assert incident["actions"][0]["done_at"] is not None
    status, incident = await do(
        house, INC, {"title": "API errors", "cause": "a bad deployment", "severity": "SEV-1"}, "PATCH"
    )
    assert (status, incident["title"], incident["severity"]) == (200, "API errors", "SEV-1")
    assert incident["decision"]["rule"] == "person"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [("notes", {}, "text"), ("notes", {"text": "x", "txet": "y"}, "txet: no such field"),
     ("notes", {"text": ""}, "text"),
     ("roles", {"role": "chief", "person": "a"}, "role"), ("checklist", {"item": 0}, "item"),
     ("actions", {"title": "t", "owner": "o", "due": "tomorrow"}, "due"), ("timer", {"action": "go"}, "action"),
     ("status-updates", {"status": "fine", "text": "x"}, "status"), ("acknowledge", {"why": "x"}, "why: no such field"),
     ("notes", [1], "object"), ("notes", {"text": 5}, "text")],
)  # fmt: skip
async def test_a_bad_body_is_refused_by_name(house: House, path: str, body: Any, said: str) -> None:
    status, problem = await do(house, f"{INC}/{path}", body)
    assert status == 400
    assert said in problem["detail"]


async def test_who_may_only_read_or_is_unknown_changes_nothing(house: House) -> None:
    for headers, status in ((ADMIN, 200), ({"Authorization": "Bearer metrics"}, 401), ({}, 401)):
        async with house.client.post(f"/api/v1{INC}/acknowledge", headers={**JSON, **headers}) as response:
            assert response.status == status


async def test_declared_by_hand_it_pages_as_its_severity_says(house: House) -> None:
    status, incident = await do(
        house, "/incidents", {"title": "Checkout is down", "severity": "SEV-1", "service": "shop", "by": "carol"}
    )
    assert (status, incident["state"], incident["decision"]["rule"]) == (201, "open", "person")
    assert [page["person"] for page in incident["pages"]] == ["alice", "eng-lead"]


async def test_somebody_is_paged_into_an_incident_and_outside_of_any(house: House) -> None:
    status, incident = await do(house, f"{INC}/pages", {"contact": "@cto", "text": "please look"})
    assert (status, incident["pages"][-1]["person"]) == (200, "cto")
    status, called = await do(house, "/pages", {"contact": "@backend-oncall", "text": "SEV-2: API errors spiking"})
    assert (status, called["pages"]) == (
        201, [{"contact": "backend-oncall", "person": "alice", "channel": "pager"}],
    )  # fmt: skip
    assert len(house.world.sent()) == 3
    assert "API errors spiking" in house.world.pagerduty.taken[-1]["body"]["payload"]["summary"]
    for path in (f"{INC}/pages", "/pages"):
        status, problem = await do(house, path, {"contact": "backend-oncal", "text": "x"})
        assert (status, "did you mean backend-oncall?" in problem["detail"]) == (404, True)


async def test_a_merged_incident_leads_to_the_other(house: House) -> None:
    await house.post(notification(alert("IntegrationDown"), group="other"))
    await house.world.quiet()
    status, parent = await do(house, "/incidents/INC-2026-0002/merge", {"into": "INC-2026-0001"})
    assert (status, parent["id"], parent["alerts"]["firing"]) == (200, "INC-2026-0001", 2)
    _, child = await house.get("/api/v1/incidents/INC-2026-0002")
    assert child["state"] == "closed"
    _, said = await house.post(notification(alert("IntegrationDown"), alert("AuthDown"), group="other"))
    assert (said["incident"], said["outcome"]) == ("INC-2026-0001", "updated")
    assert (await do(house, "/incidents/INC-2026-0002/merge", {"into": "INC-2026-0001"}))[0] == 200
    assert (await do(house, f"{INC}/merge", {"into": "INC-2026-0001"}))[0] == 409
    assert (await do(house, f"{INC}/merge", {"into": "INC-9"}))[0] == 404


async def test_the_queue_has_the_unowned_first_then_the_oldest(house: House) -> None:
    for number in range(3):
        house.world.clock.forward(timedelta(seconds=1))
        await do(house, "/incidents", {"title": f"Minor {number}", "severity": "SEV-3"})
    await do(house, "/incidents/INC-2026-0002/acknowledge")
    _, listed = await house.get("/api/v1/incidents?queue=true")
    assert [item["id"] for item in listed["items"]] == ["INC-2026-0003", "INC-2026-0004", "INC-2026-0002"]


async def test_changes_are_told_live(house: House) -> None:
    async with house.client.get("/api/v1/events", headers=READ) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        await do(house, f"{INC}/acknowledge")
        read = b""
        while b"\n\ndata" not in read and b'"state":"acknowledged"' not in read:
            read += await response.content.readany()
    assert b"event: incident\nid: INC-2026-0001." in read


async def test_who_comes_back_is_told_what_was_missed_and_not_what_was_seen(house: House) -> None:
    _, seen = await house.get(f"/api/v1{INC}")
    await do(house, "/incidents", {"title": "Missed", "severity": "SEV-3"})
    await do(house, "/incidents/INC-2026-0002/resolve")
    last = f"INC-2026-0001.{seen['version']}"
    async with house.client.get("/api/v1/events", headers={**READ, "Last-Event-ID": last}) as response:
        read = b""
        while b'"title":"Missed"' not in read:
            read += await response.content.readany()
        assert b'"state":"resolved"' in read
        await do(house, f"{INC}/acknowledge")
        while b'"state":"acknowledged"' not in read:
            read += await response.content.readany()
    assert f"id: {last}\n".encode() not in read


async def test_a_key_that_was_used_pages_nobody_else_in_silence(house: House) -> None:
    rung, again = len(house.world.rung()), {"Idempotency-Key": "call"}
    call = {"contact": "cto", "text": "come"}
    assert (await do(house, "/pages", call, **again))[0] == 201
    assert (await do(house, "/pages", call, **again))[0] == 201
    assert house.world.rung()[rung:] == ["cto"]
    assert (await do(house, "/pages", {"contact": "ceo", "text": "come"}, **again))[0] == 409
    assert (await do(house, f"{INC}/notes", {"text": "x"}, **again))[0] == 409
    assert (await do(house, f"{INC}/notes", {"text": "x"}, **{"Idempotency-Key": "note"}))[0] == 200
    assert (await do(house, "/pages", call, **{"Idempotency-Key": "note"}))[0] == 409
    assert house.world.rung()[rung:] == ["cto"]


async def test_some_alerts_are_split_off(house: House) -> None:
    await house.post(notification(alert("AuthDown"), alert("LoginDown"), group="auth"))
    await house.world.quiet()
    _, whole = await house.get("/api/v1/incidents/INC-2026-0002")
    name = next(a["fingerprint"] for a in whole["alerts"]["items"] if a["labels"]["alertname"] == "LoginDown")
    path = "/incidents/INC-2026-0002/split"
    status, made = await do(house, path, {"fingerprints": [name], "title": "Logins"})
    assert (status, made["id"], made["title"], made["alerts"]["firing"]) == (200, "INC-2026-0003", "Logins", 1)
    assert (await house.get("/api/v1/incidents/INC-2026-0002"))[1]["alerts"]["firing"] == 1
    assert (await do(house, path, {"fingerprints": [name]}))[0] == 404
    assert (await do(house, path, {"fingerprints": []}))[0] == 400
    assert (await do(house, path, {"fingerprints": [name], "into": "x"}))[0] == 400


async def test_a_request_again_is_answered_as_done_whatever_has_changed_since(house: House) -> None:
    again = {"Idempotency-Key": "one", "If-Match": '"1"'}
    path = f"{INC}/resolve"
    assert (await do(house, path, {}, **again))[0] == 200
    status, found = await do(house, path, {}, **again)
    assert (status, found["state"]) == (200, "resolved")
    assert (await do(house, f"{INC}/reopen", {}, **again))[0] == 409


async def test_whoever_resolves_what_still_fires_is_told(house: House) -> None:
    _, incident = await do(house, f"{INC}/acknowledge")
    assert incident["warnings"] == []
    _, incident = await do(house, f"{INC}/resolve")
    assert [one.split(".")[0] for one in incident["warnings"]] == [
        "1 alert is still firing and will page no one while the incident is over"
    ]
    await do(house, f"{INC}/reopen")
    code, out, err = await receiver(house, "respond-token", "incident", "resolve", "1")
    assert (code, "changed: resolved by" in out) == (0, True)
    assert err.startswith("warning: 1 alert is still firing")
