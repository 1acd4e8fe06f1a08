"""A replica does not parse its own last write again while the store has the same text; and the format of events."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from receiver.model.incident.event import Actor, ActorKind, Destination, Event, Kind
from receiver.model.severity import Severity
from receiver.store.incidents.stored_records import event_text
from receiver.store.incidents.written_incidents import KEPT, LONGEST, WrittenIncidents
from tests.store.fixtures import Rooms, grown, opening

AT = datetime(2026, 11, 23, 14, 2, 11, 611000, tzinfo=UTC)


async def test_another_replica_reads_what_the_writer_knows_without_reading(rooms: Rooms, store_url: str) -> None:
    done = await rooms.commit(opening(alerts=3))
    assert done.incident is not None
    uid, other = done.incident.uid, Rooms(store_url)
    try:
        assert await rooms.incidents.incident(uid) is done.incident
        parsed = await other.incidents.incident(uid)
        assert parsed == done.incident
        assert parsed is not done.incident
        again = await other.commit(grown(done.incident))
        known = await rooms.incidents.known("key", "group-key", [])
        assert known.incident == again.incident
    finally:
        await other.close()


async def test_the_same_version_with_another_text_is_parsed(rooms: Rooms) -> None:
    # A primary that has lost the commit assigns its number again.
    done = await rooms.commit(opening())
    assert done.incident is not None
    key = rooms.named(f"inc:{done.incident.uid}")
    changed = orjson.loads(rooms.raw.hget(key, "state")) | {"title": "another commit"}
    rooms.raw.hset(key, "state", orjson.dumps(changed))
    found = await rooms.incidents.incident(done.incident.uid)
    assert found == done.incident.model_copy(update={"title": "another commit"})
    replies = await rooms.incidents.ask_page(done.incident.uid)
    assert rooms.incidents.page_of(done.incident.uid, replies)[0] == found


async def test_only_the_newest_and_small_ones_are_kept(rooms: Rooms) -> None:
    done = await rooms.commit(opening())
    assert done.incident is not None
    kept = WrittenIncidents()
    ones = [done.incident.model_copy(update={"uid": str(number)}) for number in range(KEPT + 1)]
    for one in ones:
        kept.add("text", one)
    assert kept.get("0", "text", 1, done.incident.id) is None
    assert kept.get("1", "text", "1", done.incident.id) is ones[1]
    assert kept.get("1", "text", 2, done.incident.id) is None
    assert kept.get("1", "text", 1, "INC-2026-0002") is None
    kept.add("x" * (LONGEST + 1), ones[1])
    assert kept.get("1", "text", 1, done.incident.id) is None


@pytest.mark.parametrize(
    "data",
    [
        {"text": '€ "quoted"\n', "n": 7, "part": 0.1, "nothing": None, "yes": True, "list": [1, ("a", {"b": []})]},
        {"severity": Severity.SEV1, "at": AT, "whole": AT.replace(microsecond=0), "limit": math.inf},
        {"large": 2**70},
        {"names": {"a"}},
        {"by": {Severity.SEV1: 1}},
    ],
)
@pytest.mark.parametrize("caller", ["", "token"])
def test_an_event_is_written_as_its_model_writes_it(data: dict[str, Any], caller: str) -> None:
    event = Event(
        seq=3, at=AT, kind=Kind.NOTE, actor=Actor(kind=ActorKind.API, name="alice", caller=caller), reason="said",
        text="text", data=data, to=(Destination(channel="chat", address="#a"), Destination(channel="p", address="k")),
    )  # fmt: skip
    assert orjson.loads(event_text(event)) == orjson.loads(event.model_dump_json())
    assert list(orjson.loads(event_text(event))) == list(orjson.loads(event.model_dump_json()))


def test_what_a_later_version_has_added_to_an_event_is_written_back() -> None:
    event = Event.model_validate({
        "seq": 1, "at": AT, "kind": "note", "actor": {"kind": "api", "name": "a", "mood": 1}, "reason": "r", "text": "",
        "to": [{"channel": "c", "address": "a", "floor": 2}], "more": [1],
    })  # fmt: skip
    written = orjson.loads(event_text(event))
    assert (written["actor"]["mood"], written["to"][0]["floor"], written["more"]) == (1, 2, [1])
