"""An alert that comes and goes: one incident, one page, and how often it came back stands where people look."""

from __future__ import annotations

from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge
from receiver.model.event import Actor, ActorKind, Kind
from receiver.model.incident import State
from tests.stories.world import World, alert, notification

NAME = "AuthFailing"
ALICE = Actor(kind=ActorKind.API, name="alice")


async def swing(world: World, times: int) -> None:
    """Let the alert end and begin again, each three minutes after the other."""
    for _ in range(times):
        began = world.clock.now()
        await world.forward("3m")
        over = {"starts": rfc3339(began), "ends": rfc3339(world.clock.now()), "firing": False}
        await world.post(notification(alert(NAME, **over)))
        await world.forward("3m")
        await world.post(notification(alert(NAME, starts=rfc3339(world.clock.now()))))


async def test_it_is_paged_once_and_counted(world: World) -> None:
    await world.open()
    await world.post(notification(alert(NAME, starts=rfc3339(world.clock.now()))))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await swing(world, 6)
    (incident,) = await world.incidents()
    assert (incident.state, incident.flaps) == (State.ACKNOWLEDGED, 6)
    assert world.rung() == ["alice"]
    log = await world.one.incidents.events(incident.uid)
    assert [event.kind for event in log].count(Kind.REFIRED) == 6
    (message,) = [one for one in world.slack.messages if "thread_ts" not in one]
    assert "Fired again: 6 times" in str(message["blocks"])


async def test_nobody_has_answered_yet_and_the_clock_stands_still_while_it_is_over(world: World) -> None:
    await world.open()
    await world.post(notification(alert(NAME, starts=rfc3339(world.clock.now()))))
    await swing(world, 4)
    # 12 of 24 minutes it fired: the lead is called after 15 of those, and nobody before that but the backup.
    assert "eng-lead" not in world.rung()
    assert len(world.rung()) == len(set(world.rung()))
    await swing(world, 2)
    assert world.rung().count("eng-lead") == 1
    assert len(world.rung()) == len(set(world.rung()))


async def test_who_takes_it_while_it_is_watched_has_it_when_it_fires_again(world: World) -> None:
    await world.open()
    began = rfc3339(world.clock.now())
    await world.post(notification(alert(NAME, starts=began)))
    await world.forward("3m")
    over = {"starts": began, "ends": rfc3339(world.clock.now()), "firing": False}
    await world.post(notification(alert(NAME, **over)))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("2m")
    await world.post(notification(alert(NAME, starts=rfc3339(world.clock.now()))))
    (incident,) = await world.incidents()
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    assert incident.acknowledged_until is not None, "it lapses as any other"
    await world.forward("20m")
    assert world.rung() == ["alice"], "nobody further is called while alice has it"
