"""Old incidents are written to files and can be restored unchanged, so that the store does not grow forever."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver.active_config_builder import build_active_config
from receiver.incident.log.event_log import replay_events
from receiver.model.command import AddAction, ChangeAction, Declare, Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.response_records import ActionStatus
from receiver.model.severity import Severity
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")


@pytest.fixture
async def kept(store_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world that archives incidents older than 30 days."""
    world = World(store_url)
    await world.open()
    replica = world.one
    incidents = replica.config.incidents.model_copy(
        update={"history": timedelta(days=30), "archive": str(tmp_path / "archive")}
    )
    replica.apply(replica.config.model_copy(update={"incidents": incidents}))
    replica.setting = build_active_config(replica.config, replica.setting.channels, replica.posted)
    yield world
    await world.close()


async def lived(world: World, number: int, *, resolve: bool = True) -> Any:
    """Open an incident, work on it, and end it."""
    await world.post(notification(alert("AuthFailing", labels={"n": str(number)}), group=f"g{number}"))
    name = f"INC-2026-{number:04}"
    await world.one.respond.act(name, AddAction(title="Add a canary", owner="bob"), ALICE, world.clock.now())
    done = ChangeAction(n=1, status=ActionStatus.DONE)
    if resolve:
        await world.one.respond.act(name, done, ALICE, world.clock.now())
        await world.one.respond.act(name, Resolve(), ALICE, world.clock.now())
    await world.quiet()
    return await world.one.respond.find(name)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]


async def put_away(world: World, days: int) -> None:
    world.clock.forward(timedelta(days=days))
    await world.one.incident_archive.on_timer(world.clock.now())


async def test_what_is_old_goes_to_a_file_and_comes_back(kept: World, tmp_path: Path) -> None:
    old = await lived(kept, 1)
    log, receipts = await kept.one.incidents.events(old.uid), await kept.one.incidents.receipts(old.uid)
    open_ = await lived(kept, 2, resolve=False)
    await put_away(kept, 29)
    assert lines(tmp_path / "archive") == []
    await put_away(kept, 2)
    (document,) = lines(tmp_path / "archive")
    assert (document["id"], document["uid"]) == (old.id, old.uid)
    assert [file.name for file in (tmp_path / "archive").iterdir()] == ["2026-11.jsonl"]
    assert (tmp_path / "archive" / "2026-11.jsonl").stat().st_mode & 0o077 == 0
    for page in old.pages:
        assert page.address not in json.dumps(document), "no routing key is exported"
    assert await kept.one.incidents.incident(old.uid) is None
    assert await kept.one.incidents.uid_of(old.id) is None
    assert await kept.one.incidents.incident(open_.uid) is not None
    said = await kept.one.incident_archive.take([document], kept.clock.now())
    assert said == {"restored": 1, "known": 0, "refused": []}
    back = await kept.one.respond.find(old.id)
    bare = {"pages": tuple(page.model_copy(update={"address": ""}) for page in old.pages)}
    assert back == old.model_copy(update=bare)
    again = await kept.one.incidents.events(old.uid)
    assert [(e.seq, e.at, e.kind, e.text) for e in again] == [(e.seq, e.at, e.kind, e.text) for e in log]
    state = replay_events(again, back.plan)
    assert state is not None
    assert state.model_copy(update={"id": back.id, "version": back.version}) == back
    assert await kept.one.incidents.receipts(old.uid) == receipts
    assert await kept.one.incident_archive.take([document], kept.clock.now()) == {
        "restored": 0,
        "known": 1,
        "refused": [],
    }
    keys = {page.key for page in old.pages}
    before = sum(one["body"]["dedup_key"] in keys for one in kept.pagerduty.taken)
    await kept.forward("30s")
    after = sum(one["body"]["dedup_key"] in keys for one in kept.pagerduty.taken)
    assert after == before, "nothing is sent for restored incidents"


async def test_an_id_is_never_drawn_twice(kept: World, tmp_path: Path) -> None:
    await lived(kept, 1)
    await put_away(kept, 31)
    (document,) = lines(tmp_path / "archive")
    async with kept.one.connection.guarded() as client:
        await client.flushall()
    await kept.one.incident_archive.take([document], kept.clock.now())
    kept.one.incidents.newest, kept.one.incidents.epoch = None, ""  # a store that never had anything else
    await kept.one.respond.declare(Declare(title="x", severity=Severity.SEV4), ALICE, kept.clock.now())
    assert sorted(one.id for one in await kept.one.incidents.listing()) == ["INC-2026-0001", "INC-2026-0002"]
    other = {**document, "uid": "f" * 24, "state": {**document["state"], "uid": "f" * 24}}
    (refused,) = (await kept.one.incident_archive.take([other], kept.clock.now()))["refused"]
    assert refused["why"] == "another incident has the id INC-2026-0001"


async def test_what_somebody_has_promised_stays(kept: World, tmp_path: Path) -> None:
    one = await lived(kept, 1, resolve=False)
    await kept.one.respond.act(one.id, Resolve(), ALICE, kept.clock.now())
    await put_away(kept, 31)
    assert lines(tmp_path / "archive") == []


async def test_a_folder_that_cannot_be_written_to_loses_nothing(kept: World, tmp_path: Path) -> None:
    one = await lived(kept, 1)
    (tmp_path / "archive").write_text("a file stands in the way")
    await put_away(kept, 31)
    assert await kept.one.incidents.incident(one.uid) is not None


async def test_what_has_changed_since_stays(kept: World) -> None:
    one = await lived(kept, 1)
    document = await kept.one.incident_archive.archive.document(one.uid)
    assert document is not None
    assert not await kept.one.incident_archive.archive.forget({**document, "version": 1})
    assert await kept.one.incidents.incident(one.uid) is not None


async def test_nothing_points_to_what_has_expired(kept: World) -> None:
    one = await lived(kept, 1)
    async with kept.one.connection.guarded() as client:
        await client.delete(kept.one.connection.keys.incident(one.uid))
    await put_away(kept, 31)
    async with kept.one.connection.guarded() as client:
        assert await client.zscore(kept.one.connection.keys.named("index"), one.uid) is None
        assert not await client.hexists(kept.one.connection.keys.named("ids"), one.id)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "format: not 1"),
        ({"events": {}}, "events: is missing, or not a list"),
        ({"events": []}, "events: not the whole log"),
        ({"uid": "another"}, "not those of an incident"),
        ({"state": {}}, "Field required"),
        ({"alerts": {"x": []}}, "alerts: not records"),
        ({"receipts": [1]}, "not objects"),
    ],
)
async def test_what_is_no_incident_is_refused_with_the_reason(kept: World, change: dict[str, Any], why: str) -> None:
    one = await lived(kept, 1)
    document = await kept.one.incident_archive.archive.document(one.uid)
    assert document is not None
    (refused,) = (await kept.one.incident_archive.take([{**document, **change}], kept.clock.now()))["refused"]
    assert why in refused["why"]


async def test_what_came_back_stays_a_while(kept: World, tmp_path: Path) -> None:
    one = await lived(kept, 1)
    await put_away(kept, 31)
    (document,) = lines(tmp_path / "archive")
    await kept.one.incident_archive.take([document], kept.clock.now())
    await put_away(kept, 1)
    assert await kept.one.incidents.incident(one.uid) is not None, "somebody wants to look at it"
    await put_away(kept, 30)
    assert await kept.one.incidents.incident(one.uid) is None
    assert lines(tmp_path / "archive") == [document, document]


async def test_what_has_to_stay_is_read_once(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.pipeline.review.incident_archive.PART", 2)
    for number in range(1, 4):
        one = await lived(kept, number, resolve=False)
        await kept.one.respond.act(one.id, Resolve(), ALICE, kept.clock.now())
        kept.clock.forward(timedelta(seconds=1))
    for number in range(4, 8):
        await lived(kept, number)
        kept.clock.forward(timedelta(seconds=1))
    archive, read = kept.one.incident_archive.archive, list[str]()
    document = archive.document

    async def counted(uid: str) -> dict[str, Any] | None:
        read.append(uid)
        return await document(uid)

    monkeypatch.setattr(archive, "document", counted)
    await put_away(kept, 31)
    assert len(read) == len(set(read)) == 7
    assert len(await kept.one.incidents.listing()) == 3


async def test_a_page_goes_on_where_the_one_before_ended_whatever_went_meanwhile(
    kept: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.pipeline.review.incident_archive.PART", 2)
    for number in range(1, 6):
        await lived(kept, number)
        kept.clock.forward(timedelta(seconds=number % 2))
    seen, cursor = [], ""
    while True:
        items, following = await kept.one.incident_archive.page(None, None, cursor, kept.clock.now())
        seen += [one["id"] for one in items]
        for one in items:
            assert await kept.one.incident_archive.archive.forget(one)
        if following is None:
            break
        cursor = following
    assert sorted(seen) == [f"INC-2026-{number:04}" for number in range(1, 6)]


async def test_what_was_promised_is_reminded_of_when_it_came_back(kept: World) -> None:
    await kept.post(notification(alert("AuthFailing")))
    promise = AddAction(title="Add a canary", owner="bob", due=date(2026, 11, 25))
    for command in (promise, Resolve()):
        await kept.one.respond.act("INC-2026-0001", command, ALICE, kept.clock.now())
    await kept.quiet()
    (document,), _ = await kept.one.incident_archive.page(None, None, "", kept.clock.now())
    assert await kept.one.incident_archive.archive.forget(document)
    await kept.one.incident_archive.take([document], kept.clock.now())
    await kept.quiet()
    (one,) = await kept.incidents()
    kinds = [event.kind for event in await kept.one.incidents.events(one.uid)]
    assert Kind.ACTION_DUE not in kinds
    kept.clock.forward(timedelta(days=2))
    await kept.quiet()
    kinds = [event.kind for event in await kept.one.incidents.events(one.uid)]
    assert kinds.count(Kind.ACTION_DUE) == 1
