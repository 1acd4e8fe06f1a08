"""`commit` writes everything or nothing, regardless of concurrent commits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from receiver.model.incident.event import Kind
from receiver.store.client.connection import Script
from receiver.store.incidents.commit_request import CommitRequest, StaleVersion
from receiver.store.incidents.incident_store import COMMIT
from tests.store.fixtures import LEASE, MS, Rooms, grown, opening, owing, record


async def test_what_was_written_is_read_again(rooms: Rooms) -> None:
    change = opening(alerts=3, rows=[owing()])
    done = await rooms.commit(change)
    assert done.incident is not None
    assert (done.incident.id, done.incident.version, done.leased) == ("INC-2026-0001", 1, ("row",))
    known = await rooms.incidents.known("key", "group-key", list(change.records))
    assert known.incident == done.incident
    assert (known.pointer, known.turn, known.held, known.tombs) == (done.incident.uid, 1, "", {})
    assert known.records == change.records
    assert set(known.owners.values()) == {done.incident.uid}
    assert await rooms.incidents.events(done.incident.uid) == list(change.events)
    assert await rooms.incidents.events(done.incident.uid, 1) == list(change.events)[1:]
    assert await rooms.incidents.uid_of("INC-2026-0001") == done.incident.uid
    assert await rooms.incidents.bodies(done.incident.uid) == {name: {"labels": {}} for name in change.records}
    (seen,) = await rooms.incidents.seen(["group-key"])
    assert seen is not None
    assert (seen.digest, seen.severity, seen.uid, seen.id) == ("digest", "SEV-2", done.incident.uid, "INC-2026-0001")
    assert [one.id for one in await rooms.incidents.listing(open_only=True)] == ["INC-2026-0001"]


async def test_every_key_of_an_incident_lives_as_long_as_its_history(rooms: Rooms) -> None:
    done = await rooms.owed(owing())
    assert done.incident is not None
    uid = done.incident.uid
    for name in (f"inc:{uid}", f"log:{uid}", f"alerts:{uid}", f"bodies:{uid}", "key:key", "row:row"):
        assert 0 < rooms.raw.ttl(rooms.named(name)) <= 1000, name


async def test_a_stale_version_writes_nothing(rooms: Rooms) -> None:
    first = await rooms.commit(opening())
    assert first.incident is not None
    await rooms.commit(grown(first.incident))
    before = rooms.content()
    with pytest.raises(StaleVersion, match="stale"):
        await rooms.commit(grown(first.incident, rows=[owing()], timers={"t": MS}, tombs={"f": 1}, seen={"g": "d"}))
    assert rooms.content() == before


async def test_a_second_opening_under_the_same_uid_writes_nothing(rooms: Rooms) -> None:
    change = opening()
    await rooms.commit(change)
    before = rooms.content()
    with pytest.raises(StaleVersion):
        await rooms.commit(change)
    assert rooms.content() == before


async def test_a_stale_turn_writes_nothing(rooms: Rooms) -> None:
    await rooms.commit(CommitRequest(incident=None, turn=("key", 0), tombs={"0" * 16: 1}))
    before = rooms.content()
    with pytest.raises(StaleVersion):
        await rooms.commit(opening())
    assert rooms.content() == before


async def test_a_key_that_leads_elsewhere_by_now_writes_nothing(rooms: Rooms) -> None:
    await rooms.commit(opening())
    before = rooms.content()
    with pytest.raises(StaleVersion):
        await rooms.commit(opening(turn=None, owners={}))
    assert rooms.content() == before


@pytest.mark.parametrize("taken", [0, 499, 500, 999, 1000, 1499])
async def test_an_owner_that_changed_writes_nothing(rooms: Rooms, taken: int) -> None:
    await rooms.commit(opening("other", alerts=0, owners={f"{taken:016x}": ""}))
    before = rooms.content()
    with pytest.raises(StaleVersion, match="owner"):
        await rooms.commit(opening(alerts=1500, rows=[owing()]))
    assert rooms.content() == before


async def test_an_owner_that_is_gone_writes_nothing(rooms: Rooms) -> None:
    before = rooms.content()
    with pytest.raises(StaleVersion, match="owner"):
        await rooms.commit(opening(owners={"0" * 16: "somebody"}))
    assert rooms.content() == before


async def test_an_alert_that_another_incident_holds_stays_its_own(rooms: Rooms) -> None:
    first = await rooms.commit(opening("one"))
    assert first.incident is not None
    second = await rooms.commit(opening("two", owners={"0" * 16: first.incident.uid, "1" * 16: ""}))
    assert second.incident is not None
    known = await rooms.incidents.known("two", "g", ["0" * 16, "1" * 16])
    assert list(known.owners.values()) == [first.incident.uid, second.incident.uid]


async def test_a_repeated_operation_gets_its_first_answer(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Sequence[str], Sequence[Any]]] = []
    write = rooms.connection.write

    async def kept(script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        sent.append((keys, args))
        return await write(script, keys, args)

    monkeypatch.setattr(rooms.connection, "write", kept)
    await rooms.owed(owing())
    ((keys, args),) = sent
    before = rooms.content()
    first = await rooms.connection.run(COMMIT, keys, args)
    assert first[:2] == ["ok", "INC-2026-0001"]
    assert [str(word) for word in first[2:]] == ["1", "1", "row"]
    assert rooms.content() == before


async def test_ten_thousand_alerts(rooms: Rooms) -> None:
    change = opening(alerts=10_000)
    done = await rooms.commit(change)
    assert done.incident is not None
    names = list(change.records)
    known = await rooms.incidents.known("key", "g", names)
    assert known.records == change.records
    assert len(await rooms.incidents.bodies(done.incident.uid)) == 10_000
    assert set(known.owners.values()) == {done.incident.uid}
    ended = {name: record(name, firing=False) for name in names[:5000]}
    await rooms.commit(grown(done.incident, records=ended, freed=names[:5000], gone=names[5000:]))
    known = await rooms.incidents.known("key", "g", names)
    assert known.records == ended
    assert list(known.owners.values()) == [""] * 5000 + [done.incident.uid] * 5000
    assert len(await rooms.incidents.bodies(done.incident.uid)) == 5000


async def test_ids_are_drawn_in_order_without_gaps_or_doubles(rooms: Rooms) -> None:
    keys = [f"key-{number}" for number in range(40)]
    # Two decisions about every key: one of each pair is outdated, and uses no number.
    tried = [rooms.commit(opening(key, owners={})) for key in keys for _ in range(2)]
    results = await asyncio.gather(*tried, return_exceptions=True)
    stale = [one for one in results if isinstance(one, StaleVersion)]
    drawn = [one.incident.id for one in results if not isinstance(one, BaseException) and one.incident]
    assert len(stale) == 40
    assert sorted(drawn) == [f"INC-2026-{number:04d}" for number in range(1, 41)]
    found = await rooms.incidents.listing(most=100)
    assert {one.id for one in found} == set(drawn)


async def test_each_year_counts_for_itself_and_a_suffix_stands_behind(rooms: Rooms) -> None:
    async def drawn(key: str, number: tuple[str, int, str]) -> str:
        change = opening(key, owners={})
        done = await rooms.incidents.commit(change, now_ms=MS, lease_ms=LEASE, number=number)
        assert done.incident is not None
        return done.incident.id

    assert await drawn("a", ("INC-2026-", 4, "")) == "INC-2026-0001"
    assert await drawn("b", ("INC-2027-", 4, "")) == "INC-2027-0001"
    assert await drawn("c", ("INC-2026-", 4, "")) == "INC-2026-0002"
    assert await drawn("d", ("no ", 1, " of 2026")) == "no 1 of 2026"


async def test_only_one_of_many_decisions_on_one_state_is_written(rooms: Rooms) -> None:
    first = await rooms.commit(opening())
    assert first.incident is not None
    tried = [rooms.commit(grown(first.incident)) for _ in range(20)]
    results = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(one, StaleVersion) for one in results) == 19
    log = await rooms.incidents.events(first.incident.uid)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.kind for event in log].count(Kind.UPDATED) == 1


async def test_without_an_incident_only_marks_are_written(rooms: Rooms) -> None:
    done = await rooms.commit(
        CommitRequest(
            incident=None, turn=("key", 0), tombs={"f" * 16: 7}, held=[("g", '{"alerts":[]}', MS)], seen={"g": "d"}
        )
    )
    assert (done.incident, done.leased) == (None, ())
    known = await rooms.incidents.known("key", "g", ["f" * 16])
    assert (known.incident, known.tombs, known.held, known.turn) == (None, {"f" * 16: 7}, '{"alerts":[]}', 1)
    assert await rooms.incidents.listing() == []
    await rooms.commit(CommitRequest(incident=None, turn=("key", 1), untomb=["f" * 16], unheld=["g"]))
    known = await rooms.incidents.known("key", "g", ["f" * 16])
    assert (known.tombs, known.held) == ({}, "")
    assert rooms.raw.zcard(rooms.named("due:timer")) == 0


async def test_what_was_about_an_incident_is_answered_from_it(rooms: Rooms) -> None:
    done = await rooms.commit(opening())
    assert done.incident is not None
    await rooms.commit(CommitRequest(incident=None, about=done.incident, turn=("key", 1), seen={"g2": "other"}))
    (seen,) = await rooms.incidents.seen(["g2"])
    assert seen is not None
    assert (seen.id, seen.uid, seen.severity) == ("INC-2026-0001", done.incident.uid, "SEV-2")


async def test_other_groups_of_the_same_alerts_are_led_to_the_incident_that_holds_them(rooms: Rooms) -> None:
    done = await rooms.commit(opening(alerts=600))
    assert done.incident is not None
    names = [f"{number:016x}" for number in range(600)]
    assert (await rooms.incidents.known("other", "g", names)).incident == done.incident
    assert (await rooms.incidents.known("other", "g", [*names, "f" * 16])).incident is None
    assert (await rooms.incidents.known("other", "g", [])).incident is None


async def test_two_namespaces_share_a_server_and_nothing_else(rooms: Rooms, store_url: str) -> None:
    other = Rooms(store_url, "other")
    try:
        await rooms.commit(opening())
        done = await other.commit(opening())
        assert done.incident is not None
        assert done.incident.id == "INC-2026-0001"
        assert len(await rooms.incidents.listing()) == len(await other.incidents.listing()) == 1
    finally:
        await other.close()


async def test_the_listing_pages_newest_first(rooms: Rooms) -> None:
    for number in range(5):
        change = opening(f"key-{number}", owners={})
        assert change.incident is not None
        opened = change.incident.opened_at.replace(second=number)
        moved = change.incident.model_copy(update={"opened_at": opened})
        await rooms.commit(CommitRequest(**{**vars(change), "incident": moved}))
    first = await rooms.incidents.listing(most=2)
    assert [one.id for one in first] == ["INC-2026-0005", "INC-2026-0004"]
    rest = await rooms.incidents.listing(before=first[-1].opened_at.timestamp() * 1000)
    assert [one.id for one in rest] == ["INC-2026-0003", "INC-2026-0002", "INC-2026-0001"]
