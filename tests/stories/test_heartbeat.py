"""A heartbeat to an external service while paging works; it stops if due work is not done."""

from __future__ import annotations

from datetime import timedelta

from receiver.config import Config
from receiver.sources.http_client import SourceAnswer
from tests.stories.world import World, alert, notification, reference

URL = "https://beat.example.com/receiver"


def beats(world: World) -> int:
    """Return the number of heartbeats."""
    return world.outside.asked.count(URL)


async def test_it_beats_once_a_minute_whatever_the_number_of_replicas(world: World) -> None:
    world.outside.answers[URL] = SourceAnswer(200, b"")
    await world.open(2, HEARTBEAT_URL=URL)
    for replica in world.replicas:
        replica.heartbeat.source_client = world.outside
    await world.quiet()
    before = beats(world)
    await world.forward("10m")
    assert 9 <= beats(world) - before <= 10


async def test_it_stops_while_an_escalation_is_late(world: World) -> None:
    await world.open(HEARTBEAT_URL=URL)
    world.one.heartbeat.source_client = world.outside
    await world.post(notification(alert("ApiDown")))
    due = world.one.heartbeat
    assert await due.beat(world.clock.now()) is not None
    assert beats(world) > 0
    # The loop hangs: an hour passes without a poll.
    world.clock.forward(timedelta(hours=1))
    seen = beats(world)
    assert await due.beat(world.clock.now()) is not None
    assert beats(world) == seen


async def test_a_reload_turns_it_on(world: World) -> None:
    await world.open()
    await world.forward("2m")
    assert beats(world) == 0
    config: Config = reference(world.site.url, HEARTBEAT_URL=URL)
    world.one.apply(config)
    world.one.heartbeat.source_client = world.outside
    await world.forward("3m")
    assert beats(world) >= 2
