"""Summaries in the store are written with each commit, deleted at the end, and never used when outdated."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.store_outage.incident_summary import summarize
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary, pack
from receiver.model.incident.state import State
from receiver.store.incidents.commit_request import Committed
from receiver.store.incidents.open_summaries import OpenSummaries
from tests.incident.fixtures import POLICY
from tests.store.fixtures import Rooms, grown, opening


async def opened(rooms: Rooms, key: str = "key", **more: Any) -> Committed:
    change = opening(key, owners={}, **more)
    assert change.incident is not None
    return await rooms.commit(opening(key, owners={}, summary=summarize(change.incident, POLICY), **more))


async def read(rooms: Rooms, *uids: str) -> list[IncidentSummary | Incident]:
    return await OpenSummaries(rooms.incidents).read(uids)


async def test_a_commit_writes_the_summary_with_its_version_and_id(rooms: Rooms) -> None:
    incident = (await opened(rooms)).incident
    assert incident is not None
    (known,) = await read(rooms, incident.uid)
    assert isinstance(known, IncidentSummary)
    assert (known.id, known.version, known.title) == ("INC-2026-0001", 1, incident.title)


async def test_what_is_over_has_none(rooms: Rooms) -> None:
    incident = (await opened(rooms)).incident
    assert incident is not None
    over = incident.model_copy(update={"state": State.RESOLVED})
    await rooms.commit(grown(over, summary=summarize(over, POLICY)))
    assert rooms.raw.hgetall(rooms.named("summaries")) == {}
    (known,) = await read(rooms, incident.uid)
    assert isinstance(known, Incident)


@pytest.mark.parametrize("kept", ["removed", "stale", "of another format"])
async def test_without_a_good_one_the_snapshot_is_read(rooms: Rooms, kept: str) -> None:
    incident = (await opened(rooms)).incident
    assert incident is not None
    text = rooms.raw.hget(rooms.named("summaries"), incident.uid)
    if kept == "removed":
        rooms.raw.hdel(rooms.named("summaries"), incident.uid)
    elif kept == "stale":
        # Like a commit of a release without summaries.
        rooms.raw.hset(rooms.connection.keys.incident(incident.uid), "version", 2)
    else:
        rooms.raw.hset(rooms.named("summaries"), incident.uid, text.replace("[1,", "[99,"))
    (known,) = await read(rooms, incident.uid)
    assert isinstance(known, Incident)
    assert known.uid == incident.uid


async def test_a_change_without_one_takes_the_stale_one_away(rooms: Rooms) -> None:
    incident = (await opened(rooms)).incident
    assert incident is not None
    await rooms.commit(grown(incident))
    assert not rooms.raw.hexists(rooms.named("summaries"), incident.uid)


async def test_what_has_expired_or_cannot_be_read_is_left_out(rooms: Rooms) -> None:
    first, second = (await opened(rooms, "one")).incident, (await opened(rooms, "two")).incident
    assert first is not None
    assert second is not None
    rooms.raw.delete(rooms.connection.keys.incident(first.uid))
    rooms.raw.hset(rooms.named("summaries"), second.uid, "1 [99]")
    rooms.raw.hset(rooms.connection.keys.incident(second.uid), "state", '{"severity":"SEV-9"}')
    assert await read(rooms, first.uid, second.uid, "unknown") == []
    assert await read(rooms) == []


async def test_open_incidents_are_paged_by_time_of_opening(rooms: Rooms) -> None:
    for number in range(5):
        rooms.raw.zadd(rooms.named("open"), {f"u{number}": 100 + number // 2})
    summaries = OpenSummaries(rooms.incidents)
    assert await summaries.open_from(float("-inf"), 3) == [("u0", 100.0), ("u1", 100.0), ("u2", 101.0)]
    assert [uid for uid, _ in await summaries.open_from(101, 10)] == ["u2", "u3", "u4"]


async def test_the_number_of_a_commit_is_that_under_which_it_is_followed(rooms: Rooms) -> None:
    done = [await opened(rooms, key) for key in ("one", "two")]
    assert [one.number for one in done] == [1, 2]
    changed = await OpenSummaries(rooms.incidents).changed_after(0, 10)
    assert changed == [(one.incident.uid, one.number) for one in done if one.incident]
    assert await OpenSummaries(rooms.incidents).changed_after(1, 10) == changed[1:]


def test_a_summary_costs_less_than_a_fifth_of_the_snapshot() -> None:
    incident = opening().incident
    assert incident is not None
    assert len(pack(summarize(incident, POLICY))) * 5 < len(incident.model_dump_json())
