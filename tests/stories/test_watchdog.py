"""The dead man's switch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.model.command import Resolve
from receiver.model.event import Actor, ActorKind
from receiver.model.incident import State
from tests.stories.world import World, alert, notification

BEAT = notification(alert("Watchdog"), group="watchdog")


async def test_silence_opens_one_incident_and_the_return_resolves_it(world: World) -> None:
    await world.open()
    await world.post(BEAT)
    for _ in range(4):
        await world.forward("4m")
        await world.post(BEAT)
    assert await world.incidents() == []
    await world.forward("6m")
    (incident,) = await world.incidents()
    assert (incident.severity, incident.state, incident.key) == ("SEV-2", State.OPEN, "watchdog")
    assert world.rung() == ["alice"]
    await world.forward("5m")
    await world.post(BEAT)
    await world.forward("1m")
    (incident,) = await world.incidents()
    assert incident.state is State.RESOLVED
    assert world.pagerduty.open() == []
    await world.forward("6m")
    assert [one.state for one in await world.incidents()] == [State.RESOLVED, State.OPEN]


async def test_it_is_armed_by_its_first_notification(world: World) -> None:
    await world.open()
    await world.forward("20m")
    assert await world.incidents() == []


async def test_our_own_absence_is_nobodys_silence(world: World) -> None:
    await world.open()
    await world.post(BEAT)
    gone = world.replicas.pop()
    await gone.close()
    world.clock.forward(timedelta(minutes=30))
    await world.replica()
    await world.forward("2m")
    assert await world.incidents() == []
    await world.post(BEAT)
    await world.forward("4m")
    assert await world.incidents() == []
    await world.forward("2m")
    assert len(await world.incidents()) == 1


async def test_two_replicas_see_one_silence(world: World) -> None:
    await world.open(2)
    await world.post(BEAT)
    await world.forward("7m")
    assert len(await world.incidents()) == 1
    assert world.rung() == ["alice"]


ALICE = Actor(kind=ActorKind.API, name="alice")
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def test_who_ends_it_by_hand_is_not_paged_again_at_once(world: World) -> None:
    await world.open(2)
    await world.post(BEAT)
    await world.forward("6m")
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.forward("55m")
    assert world.rung() == ["alice"]
    await world.forward("6m")
    assert [one.state for one in await world.incidents()] == [State.RESOLVED, State.OPEN], "alerting is dead still"
    assert world.rung() == ["alice", "alice"]


async def test_another_silence_after_one_that_was_ended_by_hand_calls_at_once(world: World) -> None:
    await world.open()
    await world.post(BEAT)
    await world.forward("6m")
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.post(BEAT)
    await world.forward("6m")
    assert world.rung() == ["alice", "alice"]


@pytest.mark.parametrize(("moves", "into"), [("INC-2026-0001", "INC-2026-0002"), ("INC-2026-0002", "INC-2026-0001")])
async def test_its_return_ends_nothing_in_which_alerts_fire(world: World, moves: str, into: str) -> None:
    await world.open()
    await world.post(BEAT)
    await world.forward("6m")
    await world.post(notification(alert(**HIGH)))
    await world.one.respond.merge(moves, into, ALICE, world.clock.now())
    await world.quiet()
    await world.post(BEAT)
    await world.forward("1m")
    states = {one.id: one.state for one in await world.incidents()}
    assert states[into] is State.OPEN
