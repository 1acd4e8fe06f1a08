"""The pager refuses a person's key: the operators are notified at once, on another channel."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import Answer
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


def told(world: World) -> list[str]:
    """Return the chat messages about a refused key."""
    return [text for one in world.slack.messages if "refuses the key" in (text := str(one))]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_it_is_told_at_once_and_once_and_healthz_says_so(world: World, status: int) -> None:
    await world.open(2)
    keys = [replica.work.deliver.keys for replica in world.replicas]
    world.pagerduty.script.extend([Answer(status=status)] * 200)
    await world.post(notification(alert("Broken", **HIGH)))
    (message,) = told(world)
    assert "pager refuses the key of alice" in message
    assert str(status) in message
    assert [name for one in keys for name in one.channels()] == ["pager"]
    await world.forward("10m")
    assert len(told(world)) == 1, "once, regardless of the number of attempts and the replica"
    world.pagerduty.script.clear()
    await world.forward("1m")
    assert world.rung() == ["alice"], "it is still retried"
    assert [one.channels() for one in keys if one.channels() == []]


async def test_each_key_is_told_of(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([Answer(status=403)] * 200)
    await world.post(notification(alert("ApiDown")))
    assert sorted(text.split("the key of ")[1].split()[0] for text in told(world)) == ["alice", "eng-lead"]


async def test_a_pager_that_is_away_refuses_no_key(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([Answer(status=503)] * 5)
    await world.post(notification(alert("Broken", **HIGH)))
    assert (told(world), world.one.work.deliver.keys.channels()) == ([], [])
