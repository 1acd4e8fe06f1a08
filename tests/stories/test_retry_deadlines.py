"""The retry time of a message starts when it is due: a quiet night shortens neither that time nor the measured lag."""

from __future__ import annotations

from datetime import timedelta

from receiver.model.base import to_ms
from receiver.model.command import Acknowledge, AddNote, Edit
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.severity import Severity
from tests.fakes import Answer
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")


async def act(world: World, command: Acknowledge | AddNote | Edit) -> None:
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


async def test_a_delivery_is_measured_from_when_it_was_due(world: World) -> None:
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


async def test_a_pending_message_gets_no_new_deadline_from_the_next_one(world: World) -> None:
    await world.open()
    world.slack.script += [Answer(status=500)] * 50
    await world.post(notification(alert("DataLag")))
    await put_back(world)
    await act(world, AddNote(text="the lag is gone"))
    await world.forward("1m")
    (letter,) = (await world.one.due.letters.all()).values()
    assert (letter["channel"], letter["attempts"] > 1) == ("chat", True)
    # It was given up: what comes next begins anew, with all of its hours.
    await put_back(world)
    await act(world, AddNote(text="it is back"))
    await world.forward("30s")
    assert await world.one.due.letters.all() == {}
    world.slack.script.clear()
    await world.forward("5m")
    assert len(world.slack.parents) == 1


async def test_a_page_that_rings_again_has_its_seconds_before_a_fallback_channel_is_used(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("4m")
    await world.post(notification(alert("AuthFailing", firing=False)))
    await world.forward("2m")
    # Its next episode has a page of its own, with a row of its own; how old the rows before it are does not matter.
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


async def test_a_page_that_is_due_again_has_its_seconds_before_a_fallback_channel_is_used(world: World) -> None:
    await world.open()
    # Lowered before any vendor has accepted it: the row has nothing to send, and keeps the time of that.
    world.pagerduty.script.append(Answer(status=503))
    await world.post(notification(alert("Broken", annotations={"error_rate": "7.3%"})))
    await act(world, Edit(severity=Severity.SEV4))
    await world.forward("10m")
    (incident,) = await world.incidents()
    assert (world.rung(), incident.detoured) == ([], ())
    # Raised: the same row is owed again. Its first failure is a moment old, not ten minutes.
    world.pagerduty.script += [Answer(status=503), Answer(status=503)]
    await act(world, Edit(severity=Severity.SEV2))
    (incident,) = await world.incidents()
    assert len(incident.pages) == 1, "no new page, whose row would have begun just now"
    assert len(world.pagerduty.script) == 1, "the page was tried"
    assert incident.detoured == ()
    await world.forward("10s")
    (incident,) = await world.incidents()
    assert len(incident.detoured) == 1, "the second failure does use it"
    await world.forward("1m")
    assert world.rung() == ["alice"]


async def test_a_first_attempt_that_fails_late_uses_a_fallback_channel_at_once(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(Answer(status=503))
    await world.post(notification(alert("Broken", annotations={"error_rate": "7.3%"})))
    await act(world, Edit(severity=Severity.SEV4))
    await world.forward("10m")
    # Owed again by a commit whose replica dies before it sends anything.
    world.one.work.tasks.stopping.set()
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV2), ALICE, world.clock.now())
    await world.replica()
    await world.replicas.pop(0).close()
    world.pagerduty.script.append(Answer(status=503))
    await world.forward("30s")
    assert world.rung() == ["alice"], "its second attempt"
    (incident,) = await world.incidents()
    assert len(incident.detoured) == 1, "the first came a lease after the page was owed"
