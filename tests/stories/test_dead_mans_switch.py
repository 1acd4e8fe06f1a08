"""The dead man's switch at an ntfy server: a message that is delivered once no replica postpones it anymore."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from receiver.config import Config
from receiver.config.settings.feature_settings import DeadMan, Heartbeat
from tests.fakes import Answer
from tests.stories.phones import PhoneWorld
from tests.stories.world import alert, notification

TOPIC = "dead-man-4xk2p8w1"


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[PhoneWorld]:
    """Two replicas that postpone the message."""

    def change(config: Config) -> Config:
        beat = Heartbeat(every=timedelta(minutes=1), ntfy=DeadMan(channel="push", topic=TOPIC, after="5m"))
        return config.model_copy(update={"heartbeat": beat})

    made = PhoneWorld(store_url)
    made.change = change
    try:
        yield await made.open(2)
    finally:
        await made.close()


def pushed(world: PhoneWorld) -> int:
    """Return how often the message was postponed."""
    return sum(entry["body"].get("topic") == TOPIC for entry in world.ntfy.taken if entry["body"])


async def test_one_message_is_put_off_each_minute_whatever_the_number_of_replicas(world: PhoneWorld) -> None:
    await world.quiet()
    before = pushed(world)
    await world.forward("10m")
    assert 9 <= pushed(world) - before <= 10
    assert list(world.ntfy.scheduled) == [next(iter(world.ntfy.scheduled))], "one message, under one id"
    assert world.ntfy.messages == [], "no message was delivered"
    body = next(entry["body"] for entry in world.ntfy.taken if entry["body"]["topic"] == TOPIC)
    assert (body["delay"], body["priority"]) == ("300s", 5)


async def test_a_stop_leaves_it_in_place(world: PhoneWorld) -> None:
    await world.forward("2m")
    for replica in list(world.replicas):
        await replica.settle()
    assert len(world.ntfy.scheduled) == 1


async def test_it_is_not_put_off_while_an_escalation_is_late(world: PhoneWorld) -> None:
    await world.post(notification(alert("ApiDown")))
    world.clock.forward(timedelta(hours=1))
    seen = pushed(world)
    assert await world.one.heartbeat.beat(world.clock.now()) is not None
    assert pushed(world) == seen


async def test_a_server_that_is_away_ends_no_beat(world: PhoneWorld) -> None:
    world.ntfy.script.append(Answer(503))
    assert await world.one.heartbeat.beat(world.clock.now()) is not None
