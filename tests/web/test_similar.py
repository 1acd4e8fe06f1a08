"""Seen before: indexed at closing; shown in the thread, the console and the API to readers who may see it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from receiver.model.incident.event import Kind
from receiver.store.incidents.similar_index import SimilarIndex
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House, Opened
from tests.web.test_isolation import FOREIGN, NUMBER, OWN, SECRET, asked, hidden, secretive

HOSTILE = "<script>alert(1)</script> *now*"


def slow(pod: str, *, firing: bool = True, name: str = "ApiSlow", starts: str, **labels: str) -> dict[str, Any]:
    notes = {"summary": "Requests are slow", "runbook_url": "https://wiki.example.com/slow", "error_rate": "7.3%"}
    more = {"labels": {"pod": pod, **labels}, "annotations": notes}
    return alert(name, firing=firing, starts=starts, ends=starts.replace(":00Z", ":30Z"), **more)


async def lived(house: House, pod: str, starts: str, **more: Any) -> str:
    """Open, mitigate, explain and resolve an incident; return its id."""
    _, said = await house.post(notification(slow(pod, starts=starts, **more), group=pod))
    path = f"/api/v1/incidents/{said['incident']}"
    await asked(house, "POST", f"{path}/mitigations", READ, {"option": "rollback"})
    house.world.clock.forward(timedelta(minutes=14))
    await asked(house, "POST", f"{path}/resolve", READ)
    await asked(house, "PATCH", path, READ, {"cause": HOSTILE})
    await house.world.quiet()
    return str(said["incident"])


async def indexed(house: House) -> None:
    """Update the index like the service, and look up new incidents."""
    seen = house.replica.seen_before
    assert not await seen.index_changes(house.world.clock.now())
    await seen.tell(house.world.clock.now())
    await house.world.quiet()


async def test_a_new_incident_names_the_one_before_everywhere(house: House) -> None:
    first = await lived(house, "api-1", "2026-11-23T14:00:00Z")
    await indexed(house)
    _, said = await house.post(notification(slow("api-2", starts="2026-11-23T14:20:00Z"), group="again"))
    second = said["incident"]
    await indexed(house)
    status, found = await house.get(f"/api/v1/incidents/{second}/similar")
    (one,) = found["items"]
    why = "same alert and service; resolved in 14 min by rolling back; cause: <script>alert(1)</script> *now*"
    assert (status, one["incident"], one["why"], one["mitigation"]) == (200, first, why, "rollback")
    assert found["fired"] == {"last_24h": 2, "last_30d": 2}
    assert found["catch_up"].startswith(f"SEV-2 {second} has been open for 0m (since 14:16 UTC); 1 firing.")
    uid = await house.replica.incidents.uid_of(second)
    assert uid is not None
    told = [event for event in await house.replica.incidents.events(uid) if event.kind is Kind.SEEN_BEFORE]
    assert [event.data["similar"][0]["id"] for event in told] == [first]
    replies = json.dumps(house.world.slack.replies, ensure_ascii=False)
    assert f"Seen before: {first}: same alert and service; resolved in 14 min by rolling back" in replies
    assert "<script>" not in replies
    async with house.client.get(f"/incidents/{second}", headers=READ) as response:
        page = await response.text()
    assert "2 incidents in 24 hours, 2 in 30 days" in page
    assert f'href="/incidents/{first}/postmortem"' in page
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page


async def test_what_is_reopened_and_what_was_a_drill_is_not_shown(house: House) -> None:
    first = await lived(house, "api-1", "2026-11-23T14:00:00Z")
    drill = {"title": "ApiSlow: Requests are slow", "severity": "SEV-3", "service": "api", "drill": True}
    _, text, _ = await asked(house, "POST", "/api/v1/incidents", READ, drill)
    await asked(house, "POST", f"/api/v1/incidents/{json.loads(text)['id']}/resolve", READ)
    await indexed(house)
    _, said = await house.post(notification(slow("api-2", starts="2026-11-23T14:20:00Z"), group="again"))
    path = f"/api/v1/incidents/{said['incident']}/similar"
    assert [one["incident"] for one in (await house.get(path))[1]["items"]] == [first]
    await asked(house, "POST", f"/api/v1/incidents/{first}/reopen", READ)
    assert (await house.get(path))[1]["items"] == []


async def test_the_index_is_written_once_and_survives_a_store_that_counts_anew(house: House) -> None:
    await lived(house, "api-1", "2026-11-23T14:00:00Z")
    await indexed(house)
    index = SimilarIndex(house.replica.connection)
    async with house.replica.connection.guarded() as client:
        keys = house.replica.connection.keys
        before = await client.hgetall(keys.named("similar"))
        await client.hset(keys.named("similar"), "upto", 10**9)
    await indexed(house)
    async with house.replica.connection.guarded() as client:
        assert await client.hgetall(keys.named("similar")) == before, "read again, and nothing counted twice"
    assert before["count"] == "1"
    assert await index.unindexed(60_000) is None, "another replica has the lease"


@pytest.mark.parametrize("who", [FOREIGN, OWN])
async def test_a_private_incident_is_similar_for_its_team_alone(opened: Opened, who: dict[str, str]) -> None:
    house = await opened(secretive)
    await house.post(notification(hidden(), group="payments"))
    await asked(house, "POST", f"/api/v1/incidents/{NUMBER}/resolve", OWN)
    await house.world.quiet()
    await indexed(house)
    # The same problem at a team that cannot see the other's incidents.
    shown = alert(
        f"{SECRET}Down", labels={"team": "search", "service": f"{SECRET}-api"},
        annotations={"summary": f"{SECRET} is down"}, starts="2026-11-23T14:20:00Z",
    )  # fmt: skip
    _, said = await house.post(notification(shown, group="search"))
    await indexed(house)
    path = f"/api/v1/incidents/{said['incident']}"
    _, text, _ = await asked(house, "GET", f"{path}/similar", who)
    found = json.loads(text)
    assert [one["incident"] for one in found["items"]] == ([NUMBER] if who is OWN else [])
    assert found["fired"]["last_30d"] == (2 if who is OWN else 1)
    _, page, _ = await asked(house, "GET", f"/incidents/{said['incident']}", who)
    assert (NUMBER in page) is (who is OWN)
    _, log, _ = await asked(house, "GET", f"{path}/timeline", who)
    assert NUMBER not in log, "a log that others read does not name it"


@pytest.mark.parametrize("who", [FOREIGN, OWN])
async def test_an_incident_that_became_private_is_named_to_its_team_alone(opened: Opened, who: dict[str, str]) -> None:
    house = await opened(secretive)
    ours = alert("ApiSlow", labels={"team": "search", "service": "search"}, starts="2026-11-23T14:00:00Z")
    _, first = await house.post(notification(ours, group="first"))
    await asked(house, "POST", f"/api/v1/incidents/{first['incident']}/resolve", READ)
    await house.world.quiet()
    await indexed(house)
    later = alert("ApiSlow", labels={"team": "search", "service": "search"}, starts="2026-11-23T14:20:00Z")
    _, second = await house.post(notification({**later, "fingerprint": "b" * 16}, group="second"))
    await indexed(house)
    path = f"/api/v1/incidents/{second['incident']}/timeline"
    _, text, _ = await asked(house, "GET", path, OWN)
    assert f"seen before: {first['incident']}" in text, "everyone could see it then"
    body = {"visibility": "team"}
    assert (await asked(house, "POST", f"/api/v1/incidents/{first['incident']}/visibility", FOREIGN, body))[0] == 200
    # FOREIGN belongs to the team that has the incident now, OWN to the other team.
    _, text, _ = await asked(house, "GET", path, who)
    assert (f"seen before: {first['incident']}" in text) is (who is FOREIGN)
    log = [one for one in json.loads(text)["items"] if one["kind"] == "seen_before"]
    assert [len(one["data"]["similar"]) for one in log] == [1 if who is FOREIGN else 0]
    _, page, _ = await asked(house, "GET", f"/incidents/{second['incident']}?events=all", who)
    assert (f"{first['incident']} (" in page) is (who is FOREIGN)


async def test_chat_names_no_incident_that_became_private_before_it_has_the_message(house: House) -> None:
    first = await lived(house, "api-1", "2026-11-23T14:00:00Z")
    await indexed(house)
    _, said = await house.post(notification(slow("api-2", starts="2026-11-23T14:20:00Z"), group="again"))
    await house.world.quiet()
    before = len(house.world.slack.messages)
    house.world.slack.refused["chat.postMessage"] = "service_unavailable"
    await indexed(house)
    uid = await house.replica.incidents.uid_of(said["incident"])
    assert uid is not None
    assert Kind.SEEN_BEFORE in {event.kind for event in await house.replica.incidents.events(uid)}
    body = {"visibility": "team"}
    assert (await asked(house, "POST", f"/api/v1/incidents/{first}/visibility", READ, body))[0] == 200
    await asked(house, "POST", f"/api/v1/incidents/{said['incident']}/notes", READ, {"text": "a second look"})
    del house.world.slack.refused["chat.postMessage"]
    await house.world.forward("30s")
    sent = json.dumps(house.world.slack.messages[before:])
    assert "a second look" in sent
    assert first not in sent and "rolling back" not in sent
