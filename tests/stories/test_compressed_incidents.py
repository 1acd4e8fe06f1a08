"""Incidents that ended a day ago are compressed, without a visible effect on reads or commands."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import redis

from receiver.incident.log.event_log import replay_events
from receiver.model.command import AddAction, AddNote, Resolve, WritePostmortem
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.pipeline.review.incident_compression import EVERY, TRIAL
from receiver.store.replica_names import KEPT, SILENT_MS, earlier_replicas, replica_name
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")


class Forms:
    """The compressed incidents of the store."""

    def __init__(self, world: World) -> None:
        self.raw: Any = redis.Redis.from_url(world.store, decode_responses=True)
        self.prefix = world.one.connection.keys.prefix

    @property
    def compressed(self) -> int:
        """The number of compressed incidents."""
        return sum(self.raw.hexists(key, "compressed") for key in self.raw.scan_iter(f"{self.prefix}inc:*"))


def configured(world: World, **changes: Any) -> None:
    """Change the first replica's configuration of incidents."""
    incidents = world.one.config.incidents.model_copy(update=changes)
    world.one.apply(world.one.config.model_copy(update={"incidents": incidents}))


async def lived(world: World) -> str:
    """Open an incident, add a note, and end it; return its id."""
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act("INC-2026-0001", AddNote(text="restarted"), ALICE, world.clock.now())
    await world.post(notification(alert("AuthFailing", firing=False)))
    await world.forward("20m")
    return "INC-2026-0001"


async def looked(world: World, after: timedelta) -> None:
    """Let time pass, and run the timer as often as it is due again soon."""
    world.clock.forward(after)
    look = world.one.incident_compression.on_timer
    while await look(world.clock.now()) - world.clock.now() < EVERY:
        pass


async def aged(world: World) -> Forms:
    """Let a replica check twice, so far apart that every finished incident is compressed."""
    await looked(world, timedelta())
    await looked(world, TRIAL + timedelta(hours=1))
    return Forms(world)


async def test_it_is_read_and_worked_on_as_before(world: World) -> None:
    await world.open()
    name = await lived(world)
    (before,) = await world.incidents()
    log = await world.one.incidents.events(before.uid)
    document = await world.one.incident_archive.page(None, None, "", world.clock.now())
    forms = await aged(world)
    assert forms.compressed == 1
    assert await world.incidents() == [before]
    assert await world.one.incident_archive.page(None, None, "", world.clock.now()) == document
    for command in (AddAction(title="Add a canary", owner="bob"), WritePostmortem(markdown="# Done")):
        await world.one.respond.act(name, command, ALICE, world.clock.now())
        assert forms.compressed == 0
        await looked(world, timedelta(days=2))
        assert forms.compressed == 1
    (after,) = await world.incidents()
    grown = await world.one.incidents.events(after.uid)
    assert (grown[: len(log)], len(grown)) == (log, len(log) + 2)
    assert (after.actions[0].title, replay_events(grown, after.plan) is not None) == ("Add a canary", True)


async def test_an_alert_that_fires_again_opens_a_new_one(world: World) -> None:
    await world.open()
    await lived(world)
    forms = await aged(world)
    rung = world.pagerduty.rung
    starts = world.clock.now().isoformat()
    await world.post(notification(alert("AuthFailing", starts=starts)))
    assert [one.state.over for one in await world.incidents()] == [True, False]
    assert world.pagerduty.rung > rung
    assert forms.compressed == 1
    ends = world.clock.now().isoformat()
    await world.post(notification(alert("AuthFailing", firing=False, starts=starts, ends=ends)))
    await world.forward("20m")
    assert all(one.state.over for one in await world.incidents())


async def test_one_that_may_still_be_reopened_is_not_compressed(world: World) -> None:
    await world.open()
    configured(world, reopen_within=timedelta(days=3))
    await lived(world)
    assert (await aged(world)).compressed == 0
    starts = world.clock.now().isoformat()
    await world.post(notification(alert("AuthFailing", starts=starts)))
    (incident,) = await world.incidents()
    assert incident.state is not State.RESOLVED
    await world.one.respond.act(incident.id, Resolve(), ALICE, world.clock.now())


async def test_nothing_is_compressed_on_the_first_day_nor_beside_an_earlier_release(world: World) -> None:
    await world.open()
    await lived(world)
    forms = Forms(world)
    world.clock.forward(timedelta(days=3))
    forms.raw.delete(f"{forms.prefix}compressed")  # as after an upgrade
    await looked(world, timedelta())
    await looked(world, timedelta(hours=23))
    assert forms.compressed == 0, "the previous release may still run, or be restored by a rollback"
    forms.raw.set(f"{forms.prefix}replica:{'0' * 16}", "7", ex=KEPT)
    await looked(world, timedelta(hours=2))
    assert forms.compressed == 0
    forms.raw.pexpire(f"{forms.prefix}replica:{'0' * 16}", KEPT * 1000 - SILENT_MS - 60_000)
    await looked(world, timedelta(hours=1))
    assert forms.compressed == 1


async def test_replicas_are_told_apart_by_their_names(world: World) -> None:
    await world.open(replicas=2)
    await world.forward("10s")
    assert await earlier_replicas(world.one.connection) == 0
    forms = Forms(world)
    assert len(list(forms.raw.scan_iter(f"{forms.prefix}replica:*"))) == 2
    for number in range(3):
        forms.raw.set(f"{forms.prefix}replica:{number:016x}", "7", ex=KEPT)
    forms.raw.set(f"{{other}}:replica:{'0' * 16}", "7", ex=KEPT)
    assert await earlier_replicas(world.one.connection) == 3
    # While the store's memory is full, no replica can report itself.
    for key in forms.raw.scan_iter(f"{forms.prefix}replica:*"):
        forms.raw.pexpire(key, KEPT * 1000 - 2 * SILENT_MS)
    assert await earlier_replicas(world.one.connection) == 3
    assert replica_name() != replica_name()


async def test_without_compression_everything_is_expanded(world: World) -> None:
    await world.open()
    await lived(world)
    before = await world.incidents()
    forms = await aged(world)
    assert forms.compressed == 1
    configured(world, compress_after=None)
    await looked(world, timedelta(hours=1))
    assert forms.compressed == 0
    assert await world.incidents() == before
    await looked(world, timedelta(days=3))
    assert forms.compressed == 0


@pytest.mark.parametrize("anew", [False, True])
async def test_similar_incidents_are_found_among_compressed_ones(world: World, anew: bool) -> None:
    await world.open()
    await lived(world)
    await indexed(world)
    forms = await aged(world)
    assert forms.compressed == 1
    if anew:  # as after an upgrade
        for key in (*forms.raw.scan_iter(f"{forms.prefix}like:*"), *forms.raw.scan_iter(f"{forms.prefix}fired:*")):
            forms.raw.delete(key)
        forms.raw.delete(f"{forms.prefix}similar", f"{forms.prefix}similar:turn")
    starts = world.clock.now().isoformat()
    await world.post(notification(alert("AuthFailing", starts=starts)))
    await indexed(world)
    found = (await world.incidents())[-1]
    (similar,) = await world.one.seen_before.similar_to(found, lambda past: True)
    assert (similar.incident.id, similar.why.startswith("same alert")) == ("INC-2026-0001", True)
    assert await world.one.seen_before.fired(found, None, world.clock.now()) == (1, 2)
    await world.one.respond.act(found.id, Resolve(), ALICE, world.clock.now())


async def indexed(world: World) -> None:
    """Bring the index of similar incidents up to date."""
    while await world.one.seen_before.index_changes(world.clock.now()):
        pass


@pytest.mark.parametrize("sent", [True, False])
async def test_what_is_still_owed_of_a_compressed_one_is_sent_once(world: World, sent: bool) -> None:
    await world.open()
    await lived(world)
    forms = await aged(world)
    before = [entry["body"]["event_action"] for entry in world.pagerduty.taken]
    said = len(world.slack.taken)
    assert (before, forms.compressed) == (["trigger", "resolve"], 1)
    # As after a day without any response from vendors: a page whose end was not sent, or that was never sent, and a
    # message.
    for key in forms.raw.scan_iter(f"{forms.prefix}row:*"):
        row, member = forms.raw.hgetall(key), key.removeprefix(f"{forms.prefix}row:")
        memory = json.loads(row["memory"])
        if row["lane"].startswith("pager"):
            memory = {"sent": "trigger", "rung": True, "called": memory["called"]} if sent else {}
        forms.raw.hset(key, mapping={"cursor": 0, "memory": json.dumps(memory)})
        forms.raw.zadd(f"{forms.prefix}due:{row['lane']}", {member: 0})
    await world.forward("1m")
    after = [entry["body"]["event_action"] for entry in world.pagerduty.taken]
    # Nobody is paged for a finished incident; the end is sent in both cases, because an attempt may have arrived.
    assert after == [*before, "resolve"]
    assert len(world.slack.taken) > said
    assert forms.compressed == 1
    said = len(world.slack.taken)
    await world.forward("5m")
    assert (len(world.pagerduty.taken), len(world.slack.taken)) == (len(after), said)
