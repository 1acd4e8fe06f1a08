"""Two versions on one store during an upgrade: data of the later one causes no errors in the earlier one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from receiver.model.base import to_ms
from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.store.keys import TIMERS
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
ALICE = Actor(kind=ActorKind.API, name="alice")


async def state_of(world: World, uid: str, **changed: Any) -> dict[str, Any]:
    """Change the snapshot of `uid` as another version would, and return it."""
    connection = world.one.connection
    async with connection.guarded() as client:
        key = connection.keys.incident(uid)
        state = {**json.loads(await client.hget(key, "state")), **changed}
        if changed:
            await client.hset(key, "state", json.dumps(state))
            # This version cannot read the additional data of a later version either.
            await client.hdel(connection.keys.named("summaries"), uid)
    return state


async def test_what_a_later_version_wrote_beside_outlives_a_change_by_the_earlier(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    (incident,) = await world.incidents()
    page = {**json.loads(incident.pages[0].model_dump_json()), "mood": "bad"}
    await state_of(world, incident.uid, of_tomorrow=[1], pages=[page])
    await world.one.respond.act(incident.id, Acknowledge(), ALICE, world.clock.now())
    after = await state_of(world, incident.uid)
    assert (after["state"], after["of_tomorrow"], after["pages"][0]["mood"]) == ("acknowledged", [1], "bad")
    await world.forward("20m")
    assert world.rung() == ["alice"]


async def test_a_kind_of_event_that_only_a_later_version_knows_is_a_note(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    (incident,) = await world.incidents()
    connection = world.one.connection
    async with connection.guarded() as client:
        key = connection.keys.log(incident.uid)
        (first, *_) = await client.lrange(key, 0, 0)
        later = {**json.loads(first), "kind": "of_tomorrow", "reason": "what was done", "data": {"text": 3}}
        await client.rpush(key, json.dumps(later))
    *_, read = await world.one.incidents.events(incident.uid)
    assert (read.kind, read.reason, read.data) == (Kind.NOTE, "what was done", {})


async def test_an_incident_that_cannot_be_read_keeps_nobody_else_from_being_called(world: World) -> None:
    await world.open()
    await world.post(notification(alert(labels={"service": "a"}, **HIGH), group="a"))
    await world.post(notification(alert(labels={"service": "b"}, **HIGH), group="b"))
    first, second = sorted(await world.incidents(), key=lambda one: one.id)
    await state_of(world, first.uid, severity="SEV-9")
    # A replica that starts now reads everything that is open.
    other = await world.replica()
    await other.work.guarded_poll()
    assert [one.id for one in other.incident_cache.open()] == [second.id]
    world.clock.forward(timedelta(minutes=16))
    for _ in range(3):
        await other.work.guarded_poll()
        await other.work.idle()
    assert "bob" in world.rung()


@pytest.mark.parametrize("member", ["{uid} of_tomorrow", "sys of_tomorrow"])
async def test_a_timer_that_only_a_later_version_knows_is_left_to_it(world: World, member: str) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    (incident,) = await world.incidents()
    due, named = world.one.due, member.format(uid=incident.uid)
    await due.later(named, to_ms(world.clock.now()))
    await world.one.work.guarded_poll()
    await world.one.work.idle()
    async with due.connection.guarded() as client:
        at = await client.zscore(due.keys.due(TIMERS), named)
    assert at == to_ms(world.clock.now()) + due.lease_ms, "it comes back with its lease"
