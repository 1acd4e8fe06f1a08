"""Webhooks of PagerDuty: verified, applied once, and never echoed to PagerDuty."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from receiver.model.incident.event import ActorKind, Kind
from receiver.model.incident.state import State
from receiver.sources.http_client import SourceAnswer
from receiver.web.webhooks.signatures import by_pagerduty
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House, Opened

SECRET = "whsec-old-9f1c"
NEW = "whsec-new-77ab"
PATH = "/webhooks/pagerduty"
ADA = {"id": "PTUXL6G", "type": "user_reference", "summary": "Ada On-Call"}
SAMPLES = Path(__file__).parents[2] / "samples"


def event(kind: str, key: str = "", *, agent: dict[str, Any] | None = ADA, number: str = "e1", **more: Any) -> bytes:
    """Return a webhook, as PagerDuty writes it."""
    data = {
        "id": "PGR0VU2", "type": "incident", "incident_key": key, "title": "", "assignees": [], **more.pop("data", {}),
    }  # fmt: skip
    told = {
        "id": number, "event_type": f"incident.{kind}", "resource_type": "incident",
        "occurred_at": more.pop("at", "2026-11-23T14:04:02.118Z"), "agent": agent, "client": None, "data": data,
    }  # fmt: skip
    return json.dumps({"event": told}, separators=(",", ":")).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    """Return the header."""
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def send(house: House, body: bytes, signature: str | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Post a webhook."""
    given = {"Content-Type": "application/json", "X-PagerDuty-Signature": signature or sign(body), **headers}
    async with house.client.post(PATH, data=body, headers=given) as response:
        answer: dict[str, Any] = await response.json()
        await house.world.quiet()
        return response.status, answer


@pytest.fixture
async def paged(opened: Opened) -> House:
    """A SEV-1 incident that has paged Alice and the lead."""
    house = await opened(PAGERDUTY_WEBHOOK_SECRET=f"{SECRET}, {NEW}")
    await house.world.post(notification(alert("ApiDown")))
    return house


def keys(house: House) -> list[str]:
    """Return the page keys that were sent to PagerDuty, in order."""
    return house.world.sent()


async def one(house: House) -> Any:
    """Return the incident."""
    (incident,) = await house.world.incidents()
    return incident


async def test_an_acknowledgement_there_is_one_here_and_for_every_other_page(paged: House) -> None:
    first, second = keys(paged)
    assert await send(paged, event("acknowledged", first)) == (
        202, {"outcome": "updated", "reason": "acknowledged", "incident": "INC-2026-0001"},
    )  # fmt: skip
    incident = await one(paged)
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "Ada On-Call")
    # The other page is acknowledged there; the original one is not echoed.
    assert paged.world.sent("acknowledge") == [second]
    log = await paged.world.one.incidents.events(incident.uid)
    (taken,) = [one for one in log if one.kind is Kind.ACKNOWLEDGED]
    assert (taken.actor.kind, taken.actor.name, taken.data["origin"]) == (ActorKind.PAGERDUTY, "Ada On-Call", first)


async def test_sent_again_it_is_done_once(paged: House) -> None:
    body = event("acknowledged", keys(paged)[0])
    await send(paged, body)
    before = await one(paged)
    # X-Webhook-Id is not signed, so another one does not make it a new event.
    status, said = await send(paged, body, **{"X-Webhook-Id": "another"})
    assert (status, said["outcome"]) == (202, "duplicate")
    assert await one(paged) == before


async def test_an_id_that_comes_with_another_event_is_done_once(paged: House) -> None:
    key = keys(paged)[0]
    assert (await send(paged, event("acknowledged", key, number="e7")))[1]["outcome"] == "updated"
    assert await send(paged, event("resolved", key, number="e7")) == (
        202, {"outcome": "duplicate", "reason": "seen_before", "incident": "INC-2026-0001"},
    )  # fmt: skip
    assert (await one(paged)).state is State.ACKNOWLEDGED


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "24:00", ""])
async def test_a_time_that_cannot_be_counts_as_none(paged: House, at: str) -> None:
    status, said = await send(paged, event("acknowledged", keys(paged)[0], at=at))
    assert (status, said["outcome"]) == (202, "updated")


async def test_resolved_there_it_is_resolved_here(paged: House) -> None:
    first, second = keys(paged)
    assert (await send(paged, event("resolved", second)))[1]["outcome"] == "updated"
    assert (await one(paged)).state is State.RESOLVED
    assert paged.world.sent("resolve") == [first]
    # A second one is too late, and not an error of PagerDuty.
    status, said = await send(paged, event("resolved", first, number="e2"))
    assert (status, said["outcome"]) == (202, "ignored")


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("reassigned", {"assignees": [{"type": "user_reference", "summary": "Bob"}]}, "reassigned in PagerDuty to Bob"),
        ("unacknowledged", {}, "no longer acknowledged in PagerDuty"),
        (
            "resolved",
            {"resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": "P2"}}},
            "merged into another incident in PagerDuty",
        ),
        ("annotated", {"content": "restarted the pods"}, "restarted the pods"),
        (
            "status_update_published",
            {"message": "half is back"},
            "status update in PagerDuty: half is back",
        ),
    ],
)
async def test_what_is_said_there_stands_in_the_log(paged: House, kind: str, data: dict[str, Any], text: str) -> None:
    assert (await send(paged, event(kind, keys(paged)[0], data=data)))[1]["outcome"] == "updated"
    log = await paged.world.one.incidents.events((await one(paged)).uid)
    assert (log[-1].kind, log[-1].text, log[-1].actor.name) == (Kind.NOTE, text, "Ada On-Call")
    # A merge there ends an incident no more than a reassignment: all pages stay open.
    assert (await one(paged)).state is State.OPEN
    assert paged.world.sent("acknowledge") == paged.world.sent("resolve") == []


@pytest.mark.parametrize(
    "agent", [None, {"id": "P1", "type": "generic_events_api_inbound_integration_reference", "summary": "receiver"}]
)
async def test_an_echo_does_nothing(paged: House, agent: dict[str, Any] | None) -> None:
    before = await one(paged)
    assert (await send(paged, event("acknowledged", keys(paged)[0], agent=agent)))[1]["reason"] == "echo"
    assert await one(paged) == before


async def test_an_acknowledgement_that_lapsed_there_is_said_though_nobody_did_it(paged: House) -> None:
    await send(paged, event("acknowledged", keys(paged)[0]))
    lapsed = event("unacknowledged", keys(paged)[0], agent=None, number="e2")
    assert (await send(paged, lapsed))[1]["outcome"] == "updated"
    log = await paged.world.one.incidents.events((await one(paged)).uid)
    assert (log[-1].text, log[-1].actor.name) == ("no longer acknowledged in PagerDuty", "PagerDuty")
    assert (await one(paged)).state is State.ACKNOWLEDGED


async def test_what_was_never_paged_is_nobodys_business(paged: House) -> None:
    before = await one(paged)
    for body in (
        event("acknowledged", "somebody/else"),
        event("acknowledged", "", data={"title": "ApiDown (INC-2026-0001)"}),
        event("escalated", keys(paged)[0]),
        event("something.new", keys(paged)[0]),
        event("acknowledged", keys(paged)[0], at="2026-11-01T00:00:00Z"),
        b'{"event":{"id":"e1","event_type":"incident.resolved"}}',
        b"[]",
        b'{"event":{"event_type":7}}',
        b"no json",
    ):
        status, said = await send(paged, body)
        assert (status, said["outcome"]) == (202, "ignored"), body
    assert await one(paged) == before


async def test_a_page_of_an_earlier_ring_answers_no_later_one(paged: House) -> None:
    first = keys(paged)[0]
    await send(paged, event("acknowledged", first))
    await paged.world.forward("35m")
    again = (await one(paged)).ring
    assert again == 2
    status, said = await send(paged, event("acknowledged", first, number="late"))
    assert (status, said["reason"]) == (202, "an_earlier_page")
    assert (await one(paged)).state is State.OPEN


async def test_grouped_alerts_are_looked_up(opened: Opened) -> None:
    house = await opened(PAGERDUTY_WEBHOOK_SECRET=SECRET, PAGERDUTY_API_TOKEN="pd-token-of-the-tests")
    house.replica.pagerduty_events.source_client = house.world.outside
    await house.world.post(notification(alert("ApiDown")))
    rest = f"{house.world.site.url}/incidents/PGR0VU2/alerts"
    body = event("acknowledged", "")
    assert (await send(house, body))[0] == 503  # no response: PagerDuty has to send it again
    house.world.outside.answers[rest] = SourceAnswer(
        200, json.dumps({"alerts": [{"alert_key": keys(house)[0]}]}).encode()
    )
    assert (await send(house, body))[1]["outcome"] == "updated"
    assert (await one(house)).state is State.ACKNOWLEDGED


async def test_without_key_and_token_the_whole_title_says_it(paged: House) -> None:
    (title,) = {entry["body"]["payload"]["summary"] for entry in paged.world.pagerduty.taken}
    assert (await send(paged, event("acknowledged", "", data={"title": title})))[1]["outcome"] == "updated"


async def test_either_secret_is_good_while_it_is_changed(paged: House) -> None:
    body = event("acknowledged", keys(paged)[0])
    assert (await send(paged, body, sign(body, NEW)))[0] == 202
    assert (await send(paged, body, f"v1=00, {sign(body)}"))[0] == 202


async def test_a_stranger_is_refused(paged: House) -> None:
    body = event("acknowledged", keys(paged)[0])
    before = await one(paged)
    for signature in (sign(body, "guessed"), "v1=", "v2=" + sign(body)[3:], sign(body + b" "), "x" * 5000):
        assert (await send(paged, body, signature))[0] == 403
    async with paged.client.post(PATH, data=body) as response:
        assert response.status == 400
    async with paged.client.post(PATH, headers={"X-PagerDuty-Signature": sign(b"")}) as response:
        assert response.status == 400
    huge = b" " * (300 * 1024)
    assert (await send(paged, huge))[0] == 413
    async with paged.client.get(PATH, allow_redirects=False) as response:
        assert response.status == 405
    assert await one(paged) == before


async def test_without_a_secret_the_door_is_shut(house: House) -> None:
    body = event("acknowledged", "x")
    assert (await send(house, body, sign(body, "")))[0] == 401


async def test_a_store_that_is_away_has_it_sent_again(paged: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from receiver.store.client.connection import StoreAway

    async def away(*_: Any, **__: Any) -> None:
        raise StoreAway("connection")

    body = event("acknowledged", keys(paged)[0])
    monkeypatch.setattr(paged.replica.pagerduty_events, "take", away)
    assert (await send(paged, body))[0] == 503
    monkeypatch.undo()
    assert (await send(paged, body))[1]["outcome"] == "updated"


def test_the_vectors_of_the_contract() -> None:
    body = b'{"event":{"id":"e1","event_type":"incident.resolved"}}'
    header = "v1=f1b0fccc5274cc9983a8ff28a2d4f7b124088bb105147104d16d4fc0267056cb"
    assert by_pagerduty(header, body, [SECRET.encode()])
    assert not by_pagerduty(header, body + b"\n", [SECRET.encode()])
    assert not by_pagerduty(header, body, [])
    for name in ("acknowledged", "resolved"):
        vectors = json.loads((SAMPLES / "signatures-pagerduty.json").read_text())
        raw = (SAMPLES / f"pagerduty-webhook-incident-{name}.json").read_bytes()
        given = vectors[f"pagerduty-webhook-incident-{name}.json"]
        assert by_pagerduty(given["X-PagerDuty-Signature"], raw, [given["secret"].encode()])
        both = given["during rotation, both secrets"]
        assert by_pagerduty(both, raw, [given["second secret"].encode()])


async def test_a_thousand_webhooks_that_are_forged_altered_replayed_or_foreign_change_nothing(paged: House) -> None:
    before, good = await one(paged), event("acknowledged", keys(paged)[0])
    header, said = sign(good), dict[int, int]()
    old: dict[str, Any] = {"at": "2026-11-01T00:00:00.000Z"}
    for number in range(250):
        spot = (number * 7) % len(good)
        altered = good[:spot] + bytes([good[spot] ^ 1]) + good[spot + 1 :]
        for body, signature in (
            (altered, header),
            (good, sign(good, f"secret-{number}")),
            (good, f"v1={number:064x}"),
            (event("acknowledged", f"receiver/none-{number}/1/alice/1", number=f"f{number}", **old), ""),
            (event("resolved", keys(paged)[0], number=f"o{number}", **old), ""),
        ):
            given = {"Content-Type": "application/json", "X-PagerDuty-Signature": signature or sign(body)}
            async with paged.client.post(PATH, data=body, headers=given) as response:
                assert response.status == (202 if not signature else 403)
                said[response.status] = said.get(response.status, 0) + 1
                if not signature:
                    assert (await response.json())["outcome"] == "ignored"
    assert said == {403: 750, 202: 500}
    await paged.world.quiet()
    assert await one(paged) == before
    assert (await send(paged, good))[1]["outcome"] == "updated"
    after = await one(paged)
    for _ in range(20):
        assert (await send(paged, good))[1]["outcome"] == "duplicate"
    assert await one(paged) == after


async def test_a_test_page_is_proved_by_its_acknowledgement_at_pagerduty(paged: House) -> None:
    before = await one(paged)
    async with paged.client.post("/api/v1/oncall/prove", json={"people": ["bob"]}, headers=READ) as response:
        assert response.status == 202
    await paged.world.quiet()
    key = keys(paged)[-1]
    assert "/bob/" not in before.pages[0].key and key not in {page.key for page in before.pages}

    async def answered() -> list[bool]:
        async with paged.client.get("/api/v1/oncall/prove", headers=READ) as response:
            return [item["answered"] for item in (await response.json())["items"] if item["person"] == "bob"]

    assert await answered() == [False]
    assert await send(paged, event("acknowledged", f"{key}x", number="p1", at="2026-11-01T00:00:00Z")) == (
        202, {"outcome": "ignored", "reason": "too_old", "incident": None},
    )  # fmt: skip
    assert await answered() == [False]
    status, told = await send(paged, event("acknowledged", key, number="p2"))
    assert (status, told["outcome"], told["reason"]) == (202, "updated", "test_page")
    assert await answered() == [True]
    assert await one(paged) == before, "a test page belongs to no incident"
