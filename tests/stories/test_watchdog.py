"""The dead man's switch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.config.settings.ingest_settings import Watchdog
from receiver.model.command import Close, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
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
    assert [one.state for one in await world.incidents()] == [State.RESOLVED, State.OPEN], "alerting is still broken"
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


async def test_who_closes_it_is_called_no_more_until_it_is_heard_of_again(world: World) -> None:
    await world.open()
    await world.post(BEAT)
    await world.forward("6m")
    for command in (Resolve(), Close()):
        await world.one.respond.act("INC-2026-0001", command, ALICE, world.clock.now())
    await world.forward("3h")
    assert world.rung() == ["alice"]
    await world.post(BEAT)
    await world.forward("6m")
    assert world.rung() == ["alice", "alice"]


def beats(*clusters: str) -> bytes:
    alerts = [alert("Watchdog", labels={"cluster": name}) for name in clusters]
    return notification(*alerts, group="watchdog")


@pytest.fixture
async def apart(world: World) -> World:
    """A world that distinguishes Watchdogs by their cluster."""
    await world.open(2)
    for replica in world.replicas:
        watchdog = Watchdog(group_by=("cluster",))
        ingest = replica.config.ingest.model_copy(update={"watchdog": watchdog})
        replica.apply(replica.config.model_copy(update={"ingest": ingest}))
    return world


async def test_one_of_several_that_falls_silent_is_noticed_while_the_others_beat(apart: World) -> None:
    await apart.post(beats("eu", "us"))
    for _ in range(2):
        await apart.forward("3m")
        await apart.post(beats("us"))
    (incident,) = await apart.incidents()
    assert incident.title == 'Alerting is silent: alerts of cluster="eu" may not reach anyone'
    assert apart.rung() == ["alice"]
    last = apart.one.metrics.watchdog._value.get()
    assert apart.clock.now().timestamp() - last > 300, "the metric is that of the missing one"
    await apart.post(beats("eu", "us"))
    await apart.forward("1m")
    assert [one.state for one in await apart.incidents()] == [State.RESOLVED]
    assert apart.pagerduty.open() == []


async def test_one_that_is_gone_for_good_is_forgotten_when_its_incident_is_closed(apart: World) -> None:
    await apart.post(beats("eu", "us"))
    await apart.forward("6m")
    (gone,) = [one.id for one in await apart.incidents() if 'cluster="eu"' in one.title]
    assert len(await apart.incidents()) == 2
    await apart.post(beats("us"))
    for command in (Resolve(), Close()):
        await apart.one.respond.act(gone, command, ALICE, apart.clock.now())
    await apart.forward("1m")
    assert list(await apart.one.intake.watchdogs.lasts_ms(["cluster"])) == ['cluster="us"']


async def test_labels_of_strangers_make_no_end_of_watchdogs(apart: World) -> None:
    for start in range(0, 300, 50):
        await apart.post(beats(*(f"c{number}\n" for number in range(start, start + 50))))
    assert len(await apart.one.intake.watchdogs.lasts_ms(["cluster"])) == 100


async def test_alerts_that_fire_on_purpose_open_nothing_and_their_neighbours_do(world: World) -> None:
    await world.open()
    quiet = alert("InfoInhibitor", labels={"severity": "none", "namespace": "shop"})
    answer = await world.post(notification(quiet, group="inhibitor"))
    assert answer.foremost.outcome == "ignored"
    assert await world.incidents() == []
    await world.post(notification(quiet, alert("DiskFull", labels={"severity": "critical"}), group="both"))
    (incident,) = await world.incidents()
    assert (incident.firing, incident.names) == (1, ("DiskFull",))
