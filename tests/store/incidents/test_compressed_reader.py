"""A compressed incident reads as before and can be changed; an incident that has just changed is not compressed."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.store_keys import read_keys
from receiver.incident.store_outage.incident_summary import summarize
from receiver.model.incident.incident import Incident
from receiver.model.incident.similar_record import SimilarRecord
from receiver.store.client.connection import IncidentUnreadable, Script
from receiver.store.client.store_errors import StoreUnreachable
from receiver.store.due.due_set import SendingOutcome
from receiver.store.incidents import incident_compressor, review_record_reader, similar_index
from receiver.store.incidents.compressed_format import FORMAT, StoredTexts, expand
from receiver.store.incidents.incident_compressor import IncidentCompressor
from receiver.store.incidents.incident_copy import IncidentCopy
from receiver.store.incidents.incident_labels import read_labels
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.incidents.similar_index import MONTH_MS, SimilarIndex
from receiver.store.incidents.store_recovery import StoreMemory
from tests.incident.fixtures import policy
from tests.store.fixtures import CHAT, MS, NUMBER, Rooms, grown, opening, owing
from tests.store.incidents.ended_incidents import LATER, compressed, over, reading, written

DAY = 86_400
HISTORIES = Path(__file__).parents[2] / "histories" / "277331f" / "incidents.json"


@pytest.mark.parametrize("alerts", [1, 3, 600])
async def test_every_reader_says_the_same_of_both_forms(rooms: Rooms, alerts: int) -> None:
    incident = await written(rooms, alerts=alerts)
    before = await reading(rooms, incident.uid)
    assert len(before["records"]) == len(before["bodies"]) == alerts
    assert before["diverged"] == set()
    assert await compressed(rooms) == 1
    for name in ("log", "alerts", "bodies"):
        assert not rooms.raw.exists(rooms.named(f"{name}:{incident.uid}"))
    after = await reading(rooms, incident.uid)
    if alerts > 32:  # any sample of them
        assert len(after["unindexed"][1][0].records) == len(before["unindexed"][1][0].records) == 32
        after["unindexed"] = before["unindexed"]
    assert after == before


async def test_what_is_expanded_is_what_was_there(rooms: Rooms) -> None:
    incident = await written(rooms, alerts=3)
    before = rooms.content()
    assert await compressed(rooms) == 1
    lives = rooms.raw.ttl(rooms.named(f"inc:{incident.uid}"))
    assert await rooms.incidents.compressed.expand(incident.uid)
    assert not await rooms.incidents.compressed.expand(incident.uid)
    for name in ("log", "alerts", "bodies"):
        assert lives - 5 <= rooms.raw.ttl(rooms.named(f"{name}:{incident.uid}")) <= lives
    after = rooms.content()
    del after[rooms.named("compressed")]
    assert {key: sorted(text) for key, text in after.items()} == {key: sorted(text) for key, text in before.items()}


async def test_a_commit_gives_the_keys_back_and_it_is_compressed_again_later(rooms: Rooms) -> None:
    incident = await written(rooms)
    events = await rooms.incidents.events(incident.uid)
    assert await compressed(rooms) == 1
    assert await compressed(rooms) == 0, "it was checked"
    done = await rooms.commit(grown(incident))
    assert done.incident is not None
    assert done.incident.version == incident.version + 1
    assert rooms.raw.llen(rooms.named(f"log:{incident.uid}")) == len(events) + 1
    assert await rooms.incidents.incident(incident.uid) == done.incident
    log = await rooms.incidents.events(incident.uid)
    assert (log[:-1], log[-1].text) == (events, "something")
    assert await compressed(rooms) == 1
    assert await rooms.incidents.events(incident.uid) == log


async def test_two_commits_at_once_of_a_compressed_one_are_one_and_a_stale_one(rooms: Rooms, store_url: str) -> None:
    incident, other = await written(rooms), Rooms(store_url)
    try:
        assert await compressed(rooms) == 1
        await rooms.commit(grown(incident))
        with pytest.raises(Exception, match="stale"):
            await other.commit(grown(incident))
    finally:
        await other.close()


async def test_what_is_changed_between_reading_and_writing_stays(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = await written(rooms)
    write = rooms.connection.write

    async def later(script: Script, keys: Any, args: Any) -> Any:
        if script is incident_compressor.COMPRESS:
            await rooms.commit(grown(incident))
        return await write(script, keys, args)

    monkeypatch.setattr(rooms.connection, "write", later)
    compressor = IncidentCompressor(rooms.connection)
    assert await compressor.compress(LATER, 100) == (0, False)
    monkeypatch.undo()
    assert rooms.raw.llen(rooms.named(f"log:{incident.uid}")) == len(await rooms.incidents.events(incident.uid))
    assert not rooms.raw.hexists(rooms.named(f"inc:{incident.uid}"), "compressed")
    assert await compressor.compress(LATER, 100) == (1, False), "it has a later commit, and is checked again"


@pytest.mark.parametrize("what", ["log", "similar"])
async def test_one_of_the_same_version_that_says_something_else_stays(
    rooms: Rooms, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A primary that has lost the commit assigns its version again, while the index writes at the same time.
    incident = await written(rooms)
    write = rooms.connection.write

    async def later(script: Script, keys: Any, args: Any) -> Any:
        if what == "log":
            rooms.raw.rpush(rooms.named(f"log:{incident.uid}"), "{}")
        else:
            rooms.raw.hset(rooms.named(f"inc:{incident.uid}"), "similar", "[]")
        return await write(script, keys, args)

    monkeypatch.setattr(rooms.connection, "write", later)
    assert await compressed(rooms) == 0


@pytest.mark.parametrize("why", ["open", "young", "fires", "superseded"])
async def test_what_is_not_to_be_compressed_stays(rooms: Rooms, why: str) -> None:
    if why == "open":
        await rooms.commit(opening())
    else:
        incident = await written(rooms, **({"firing": 1} if why == "fires" else {}))
        if why == "superseded":
            rooms.raw.hset(rooms.named(f"inc:{incident.uid}"), "superseded", "f" * 24)
    before = rooms.content()
    count, _ = await IncidentCompressor(rooms.connection).compress(MS if why == "young" else LATER, 100)
    after = rooms.content()
    after.pop(rooms.named("compressed"), None)
    assert (count, after) == (0, before)


async def test_a_history_is_gone_through_in_steps(rooms: Rooms) -> None:
    for number in range(5):
        await written(rooms, key=f"key-{number}")
    compressor = IncidentCompressor(rooms.connection)
    assert await compressor.compress(LATER, 2) == (2, True)
    assert await compressor.compress(LATER, 2) == (2, True)
    assert await compressor.compress(LATER, 2) == (1, False)
    before = await rooms.incidents.listing()
    assert await compressor.restore(2) == (2, True)
    assert await compressor.restore(2) == (2, True)
    assert await compressor.restore(2) == (1, False)
    assert await compressor.restore(2) == (0, False)
    assert len(rooms.raw.keys(rooms.named("log:*"))) == 5
    assert await rooms.incidents.listing() == before


async def test_what_was_compressed_before_the_store_went_away_is_expanded_too(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await written(rooms, key=f"key-{number}")
    write, compressor, left = rooms.connection.write, IncidentCompressor(rooms.connection), [3]

    async def away(script: Script, keys: Any, args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise StoreUnreachable("away")
        return await write(script, keys, args)

    monkeypatch.setattr(rooms.connection, "write", away)
    with pytest.raises(StoreUnreachable):
        await compressor.compress(LATER, 100)
    monkeypatch.undo()
    assert len(rooms.raw.keys(rooms.named("log:*"))) == 2
    assert await compressor.restore(100) == (3, False)
    assert len(rooms.raw.keys(rooms.named("log:*"))) == 5


async def test_a_store_that_counts_commits_anew_is_gone_through_anew(rooms: Rooms) -> None:
    await written(rooms)
    rooms.raw.hset(rooms.named("compressed"), "upto", 1000)
    assert await compressed(rooms) == 1


@pytest.mark.parametrize("text", [f"{FORMAT}AAAA", f"{FORMAT}?", "z9 a later format"])
async def test_a_damaged_one_is_unreadable_and_keeps_nothing_else_away(rooms: Rooms, text: str) -> None:
    damaged, whole = await written(rooms, key="damaged"), await written(rooms)
    assert await compressed(rooms) == 2
    rooms.raw.hset(rooms.named(f"inc:{damaged.uid}"), "compressed", text)
    incidents = rooms.incidents
    for read in (incidents.incident, incidents.events, incidents.records, incidents.bodies):
        with pytest.raises(IncidentUnreadable):
            await read(damaged.uid)
    with pytest.raises(IncidentUnreadable):
        incidents.page_of(damaged.uid, await incidents.ask_page(damaged.uid))
    assert await incidents.many([damaged.uid, whole.uid]) == [whole]
    assert [number async for number, _ in ReviewRecordReader(rooms.connection).since(0)] == [whole.id]
    labels = await read_labels(incidents, [damaged.uid, whole.uid])
    assert (labels[damaged.uid], labels[whole.uid]) == ({}, whole.labels)
    known = await incidents.known("damaged", "group-damaged", [])
    assert known.incident is None
    assert known.unreadable is not None
    assert await incidents.partial(damaged.uid, over().incident.opened_at) is not None  # type: ignore[union-attr]
    assert [copy.uid for copy in await StoreMemory(rooms.connection).copies([damaged.uid, whole.uid])] == [whole.uid]
    assert await IncidentCompressor(rooms.connection).restore(100) == (1, False)


async def test_one_that_another_was_opened_for_gives_way_once_it_can_be_read(rooms: Rooms) -> None:
    # Written by a later release, which continues after an earlier one could not read it.
    incident = await written(rooms, alerts=3)
    assert await compressed(rooms) == 1
    rooms.raw.hset(rooms.named(f"inc:{incident.uid}"), "superseded", "f" * 24)
    assert await rooms.incidents.superseded(incident.uid) == (incident, "f" * 24)
    await rooms.incidents.stands(incident.uid)
    assert await rooms.incidents.superseded(incident.uid) is None


async def test_other_work_goes_on_while_large_ones_are_looked_through(rooms: Rooms) -> None:
    index, turns = SimilarIndex(rooms.connection), 0
    record = SimilarRecord("", "", "A fires", "SEV-2", "", ("A",), (), (), ("fires",), MS)
    for number in range(4):
        incident = await written(rooms, key=f"key-{number}", alerts=600)
        own = record._replace(uid=incident.uid, id=incident.id)
        assert await index.write(1, [(incident.uid, MS, own, "")], 1000, MS) == 1
    assert await compressed(rooms) == 4

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    expanded: list[int] = []

    def slowly(text: str) -> StoredTexts:
        expanded.append(turns)
        time.sleep(0.02)  # the time that one with thousands of alerts takes
        return expand(text)

    with pytest.MonkeyPatch.context() as patch:
        for module in (similar_index, review_record_reader):
            patch.setattr(module, "expand", slowly)
        assert len((await index.find(record)).records) == 4
        assert len([one async for one in ReviewRecordReader(rooms.connection).since(0)]) == 4
    task.cancel()
    assert len(expanded) == len(set(expanded)) == 8, "each in a separate loop iteration"


@pytest.mark.parametrize("lean", [False, True])
async def test_a_copy_is_written_back_over_an_older_compressed_one(rooms: Rooms, lean: bool) -> None:
    incident = await written(rooms, alerts=3)
    assert await compressed(rooms) == 1
    key = rooms.named(f"inc:{incident.uid}")
    older = rooms.raw.hget(key, "compressed")
    done = await rooms.commit(grown(incident))
    assert done.incident is not None
    log, bodies = await rooms.incidents.events(incident.uid), await rooms.incidents.bodies(incident.uid)
    memory = StoreMemory(rooms.connection)
    (copy,) = await memory.copies([incident.uid], lean=lean)
    # The store as it was before.
    rooms.raw.delete(*(rooms.named(f"{name}:{incident.uid}") for name in ("log", "alerts", "bodies")))
    rooms.raw.hdel(key, "state", "past")
    rooms.raw.hset(key, mapping={"compressed": older, "version": incident.version})
    assert await given_back(memory, copy, done.incident) == incident.id
    assert not rooms.raw.hexists(key, "compressed")
    assert await rooms.incidents.incident(incident.uid) == done.incident
    assert (await rooms.incidents.events(incident.uid), await rooms.incidents.bodies(incident.uid)) == (log, bodies)


async def test_a_store_that_lost_it_gets_it_back_from_a_copy_of_its_compressed_form(rooms: Rooms) -> None:
    incident = await written(rooms, alerts=3)
    before = await reading(rooms, incident.uid)
    assert await compressed(rooms) == 1
    memory = StoreMemory(rooms.connection)
    (copy,) = await memory.copies([incident.uid])
    rooms.raw.flushall()
    rooms.incidents.newest = None
    assert await given_back(memory, copy, incident) == incident.id
    after = await reading(rooms, incident.uid)
    for name in ("incident", "events", "records", "bodies", "document"):
        assert after[name] == before[name], name


async def given_back(memory: StoreMemory, copy: IncidentCopy, incident: Incident) -> str:
    """Write a copy back, without pages and timers, and return its new id."""
    return await memory.give_back(
        copy, incident, summarize(incident, policy()), rows=((), ()), timers={}, number=NUMBER, ttl_s=1000, now_ms=MS
    )


async def test_another_last_event_is_still_found_to_be_another(rooms: Rooms) -> None:
    incident = await written(rooms)
    memory = StoreMemory(rooms.connection)
    (copy,) = await memory.copies([incident.uid])
    assert await compressed(rooms) == 1
    assert await memory.diverged([copy]) == set()
    copy.events[-1] = "another"
    assert await memory.diverged([copy]) == {incident.uid}


async def test_receipts_of_a_compressed_one_end_with_it(rooms: Rooms) -> None:
    change = replace(over(), rows=[owing(CHAT, lane="chat", last=5)])
    done = await rooms.commit(change)
    assert done.incident is not None
    assert await compressed(rooms) == 1
    (row,) = await rooms.leased(done)
    assert await rooms.due.complete(row, SendingOutcome.DONE, MS, said=5, receipt={"id": "1"}) == "done"
    assert await rooms.incidents.receipts(done.incident.uid) == [{"id": "1"}]
    assert 0 < rooms.raw.ttl(rooms.named(f"receipts:{done.incident.uid}")) <= 1000


@pytest.mark.parametrize("private", [False, True])
async def test_how_often_an_alert_fired_counts_compressed_ones(rooms: Rooms, private: bool) -> None:
    incident = await written(rooms, **({"team": "data", "private": True} if private else {}))
    rooms.raw.zadd(rooms.named("fired:term"), {incident.uid: MS})
    index = SimilarIndex(rooms.connection)
    before = await index.fired("term", MS - MONTH_MS, MS - 1, "")
    assert (before.month, before.day, len(before.private)) == ((0, 0, 1) if private else (1, 1, 0))
    assert await compressed(rooms) == 1
    assert await index.fired("term", MS - MONTH_MS, MS - 1, "") == before


async def test_what_an_earlier_release_wrote_is_compressed_as_it_is(rooms: Rooms) -> None:
    told = json.loads(HISTORIES.read_text())["incidents"]
    uids = []
    for number, one in enumerate(told):
        incident = await written(rooms, key=f"key-{number}")
        log = rooms.named(f"log:{incident.uid}")
        rooms.raw.delete(log)
        rooms.raw.rpush(log, *(json.dumps(event) for event in one["log"]))
        uids.append(incident.uid)
    rooms.raw.hdel(rooms.named(f"inc:{uids[0]}"), "past")  # from before the mark was written
    logs = [rooms.raw.lrange(rooms.named(f"log:{uid}"), 0, -1) for uid in uids]
    before = [await rooms.incidents.events(uid) for uid in uids]
    reviews = {number: past async for number, past in ReviewRecordReader(rooms.connection).since(0)}
    later, _ = await IncidentCompressor(rooms.connection).compress(LATER + 1000 * DAY, 1000)
    assert later == len(uids) == len(told)
    assert [await rooms.incidents.events(uid) for uid in uids] == before
    assert {number: past async for number, past in ReviewRecordReader(rooms.connection).since(0)} == reviews
    for uid, log in zip(uids, logs, strict=True):
        assert await rooms.incidents.compressed.expand(uid)
        assert rooms.raw.lrange(rooms.named(f"log:{uid}"), 0, -1) == log


async def test_an_incident_of_one_alert_takes_less_than_three_thousand_bytes(alone: Rooms) -> None:
    await alone.commit(opening(key="first"))
    client, count = alone.connection.client, 500
    empty = await read_keys(client, "test")
    for number in range(count):
        await written(alone, key=f"{number:032x}")
    whole = await read_keys(client, "test")
    assert await compressed(alone) == count
    # Incidents that end within an hour have ended before the service runs this timer.
    alone.raw.delete(*alone.raw.keys(alone.named("op:*")))
    less = await read_keys(client, "test")
    taken = [(one.used - empty.used) / count for one in (whole, less)]
    assert taken[1] < 3000 < taken[0], taken
    assert (less.incidents, less.kinds["log"]) == (count + 1, 1)
