"""The dead man's switch."""

from __future__ import annotations

from datetime import timedelta

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
