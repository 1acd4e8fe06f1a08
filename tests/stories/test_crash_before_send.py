"""A page that was claimed by a replica that died, and superseded before another replica claimed it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from receiver.model.alert.alert import parse_notification
from receiver.model.delivery.notice import Notice, Receipt
from receiver.model.incident.state import State
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.usefixtures("clocks_agree")

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def test_a_relapse_pages_the_person_whom_the_dead_replica_had_not_paged(world: World) -> None:
    await world.open(replicas=2)
    first, second = world.replicas

    async def hangs(notice: Notice) -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError(notice)

    first.setting.channels["pager"].send = hangs  # type: ignore[method-assign]
    await first.intake.accept(parse_notification(notification(alert(**HIGH))), world.clock.now())
    for task in first.work.tasks.running:
        task.cancel()
    world.replicas = [second]
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("15s")
    assert world.sent() == []
    assert len(world.sent("resolve")) == 1, "it may have been sent, which is unknown"
    await world.post(notification(alert(starts="2026-11-23T14:03:00Z", **HIGH)))
    assert (await world.incidents())[0].state is State.OPEN
    assert world.rung() == ["alice"]
    await world.post(notification(alert(firing=False, starts="2026-11-23T14:03:00Z", **HIGH)))
    await world.post(notification(alert(starts="2026-11-23T14:04:00Z", **HIGH)))
    world.clock.forward(timedelta(seconds=30))
    await world.quiet()
    assert world.rung() == ["alice", "alice"]
    assert [key for _, key in world.pagerduty.open()] == [world.sent()[1]]
    await first.close()
