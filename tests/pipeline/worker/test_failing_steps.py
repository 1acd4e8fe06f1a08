"""A step that fails for any reason does not affect other steps, and is counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.incident.timers import on_timer
from receiver.model.incident.incident import Incident
from receiver.pipeline.worker import timer_runner
from receiver.store.client.connection import Contended
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def test_a_timer_that_fails_keeps_nobody_else_from_being_called(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    for name in ("a", "b"):
        await world.post(notification(alert(labels={"service": name}, **HIGH), group=name))
    # It is first if both are due at once.
    spoiled = min(one.uid for one in await world.incidents())

    def failing(name: str, incident: Incident, policy: Policy, now: datetime) -> Transition | None:
        if incident.uid == spoiled:
            raise ValueError("nobody has thought of this")
        return on_timer(name, incident, policy, now)

    monkeypatch.setattr(timer_runner, "on_timer", failing)
    for _ in range(7):
        world.clock.forward(timedelta(minutes=5))
        await world.one.work.guarded_poll()
        await world.one.work.idle()
    steps = {one.uid == spoiled: one.ladder.step for one in await world.incidents()}
    assert steps == {True: 0, False: 2}
    assert world.one.metrics.loop_errors.labels("timers")._value.get() > 0


async def test_what_the_store_refuses_to_one_keeps_nobody_else_from_being_called(world: World) -> None:
    one = (await world.open()).one
    for name in ("a", "b"):
        await world.post(notification(alert(labels={"service": name}, **HIGH), group=name))
    # It is first if both are due at once, and contains data that no command can parse.
    spoiled, other = sorted(one.uid for one in await world.incidents())
    async with one.connection.guarded() as client:
        await client.delete(one.connection.keys.incident(spoiled))
        await client.set(one.connection.keys.incident(spoiled), "somebody else's")
    for _ in range(7):
        world.clock.forward(timedelta(minutes=5))
        await one.work.guarded_poll()
        await one.work.idle()
        assert not one.monitor.away
    found = await one.incidents.incident(other)
    assert found is not None
    assert found.ladder.step == 2
    assert one.metrics.loop_errors.labels("timers")._value.get() > 0


async def test_a_step_that_others_outran_is_no_store_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await world.open()).one

    async def outrun(uid: str, now: datetime) -> None:
        raise Contended("every attempt conflicted with another change")

    monkeypatch.setitem(one.work.timers.incident_timers, "changes", outrun)
    await world.post(notification(alert(**HIGH)))
    await one.due.later(f"{(await world.incidents())[0].uid} changes", round(world.clock.now().timestamp() * 1000))
    await one.work.poll()
    await one.work.idle()
    assert not one.monitor.away
    assert one.metrics.registry.get_sample_value("receiver_store_up") == 1
