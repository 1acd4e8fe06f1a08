"""The retry time of a message starts when it is due: a quiet night shortens neither that time nor the measured lag."""

from __future__ import annotations

from datetime import timedelta

from receiver.model.base import to_ms
from receiver.model.command import Acknowledge, AddNote
from receiver.model.incident.event import Actor, ActorKind
from tests.fakes import Answer
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")


async def act(world: World, command: Acknowledge | AddNote) -> None:
    await world.one.respond.act("INC-2026-0001", command, ALICE, world.clock.now())
    await world.quiet()


def lags(world: World, channel: str) -> tuple[float, float]:
    """Return how many deliveries of a channel were measured, and the seconds of all of them."""
    samples = world.one.metrics.lag.labels(channel)._child_samples()
    found = {name: value for name, _, value, *_ in samples if name in ("_count", "_sum")}
    return found["_count"], found["_sum"]


async def put_back(world: World) -> None:
    """Make the last message on every channel 13 hours old."""
    night = to_ms(world.clock.now() - timedelta(hours=13))
    async with world.one.connection.guarded() as client:
        keys = [key async for key in client.scan_iter(world.one.connection.keys.named("row:*"))]
        assert keys
        for key in keys:
            await client.hset(key, "since", night)


async def test_a_delivery_is_measured_from_when_it_was_owed(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    count, seconds = lags(world, "pager")
    await world.forward("4m")
    await act(world, Acknowledge())
    assert lags(world, "pager")[0] > count
    assert lags(world, "pager")[1] - seconds < 1
    count, seconds = lags(world, "chat")
    await world.forward("1h")
    before = lags(world, "chat")[1]
    await act(world, AddNote(text="looking at the tokens"))
    assert lags(world, "chat")[0] > count
    assert lags(world, "chat")[1] - before < 1


async def test_after_a_quiet_night_one_hiccup_loses_no_message(world: World) -> None:
    await world.open()
    await world.post(notification(alert("DataLag")))
    await put_back(world)
    world.slack.script.append(Answer(status=500))
    await act(world, AddNote(text="the lag is gone"))
    assert await world.one.due.letters.all() == {}
    await world.forward("30s")
    assert "the lag is gone" in str(world.slack.messages)
    assert await world.one.due.letters.all() == {}


async def test_a_page_that_rings_again_has_its_seconds_before_a_fallback_channel_is_used(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("4m")
    await world.post(notification(alert("AuthFailing", firing=False)))
    await world.forward("2m")
    await put_back(world)
    triggers = len(world.sent())
    world.pagerduty.script += [Answer(status=500), Answer(status=500)]
    await world.post(notification(alert("AuthFailing", starts="2026-11-23T14:09:00Z")))
    await world.quiet()
    (incident,) = await world.incidents()
    assert len(world.pagerduty.script) == 1, "the page was attempted"
    assert incident.detoured == ()
    await world.forward("1m")
    (incident,) = await world.incidents()
    assert len(incident.detoured) == 1, "the second failure does use it"
    assert len(world.sent()) > triggers
