"""A step that fails, for whatever reason, harms nothing but itself, and is counted."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from receiver.incident.audience import Policy
from receiver.incident.journal import Draft
from receiver.incident.timing import on_timer
from receiver.metrics import Metrics
from receiver.model.incident import Incident
from receiver.pipeline import work
from receiver.pipeline.unending import unending
from receiver.store.connection import Contended
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def test_a_timer_that_fails_keeps_nobody_else_from_being_called(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    for name in ("a", "b"):
        await world.post(notification(alert(labels={"service": name}, **HIGH), group=name))
    # It comes first whenever both are due at once.
    spoiled = min(one.uid for one in await world.incidents())

    def failing(name: str, incident: Incident, policy: Policy, now: datetime) -> Draft | None:
        if incident.uid == spoiled:
            raise ValueError("nobody has thought of this")
        return on_timer(name, incident, policy, now)

    monkeypatch.setattr(work, "on_timer", failing)
    for _ in range(7):
        world.clock.forward(timedelta(minutes=5))
        await world.one.work.guarded_beat()
        await world.one.work.idle()
    steps = {one.uid == spoiled: one.ladder.step for one in await world.incidents()}
    assert steps == {True: 0, False: 2}
    assert world.one.metrics.loop_errors.labels("timers")._value.get() > 0


async def test_what_the_store_refuses_to_one_keeps_nobody_else_from_being_called(world: World) -> None:
    one = (await world.open()).one
    for name in ("a", "b"):
        await world.post(notification(alert(labels={"service": name}, **HIGH), group=name))
    # It comes first whenever both are due at once, and holds what no command of ours can read.
    spoiled, other = sorted(one.uid for one in await world.incidents())
    async with one.connection.guarded() as client:
        await client.delete(one.connection.keys.incident(spoiled))
        await client.set(one.connection.keys.incident(spoiled), "somebody else's")
    for _ in range(7):
        world.clock.forward(timedelta(minutes=5))
        await one.work.guarded_beat()
        await one.work.idle()
        assert not one.outage.away
    found = await one.incidents.incident(other)
    assert found is not None
    assert found.ladder.step == 2
    assert one.metrics.loop_errors.labels("timers")._value.get() > 0


async def test_a_loop_beside_that_fails_begins_again_and_is_counted() -> None:
    metrics, runs = Metrics(), 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("nobody has thought of this")

    await asyncio.wait_for(unending("audit", run, metrics, rest=0), 5)
    assert runs == 3
    assert metrics.registry.get_sample_value("receiver_loop_errors_total", {"step": "audit"}) == 2


async def test_every_loop_of_a_replica_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (await world.open()).one
    looked = asyncio.Event()

    async def failing() -> None:
        looked.set()
        raise ValueError("nobody has thought of this")

    monkeypatch.setattr(one.auditor, "run", failing)
    one.run()
    await asyncio.wait_for(looked.wait(), 5)
    await asyncio.sleep(0)
    assert one.metrics.registry.get_sample_value("receiver_loop_errors_total", {"step": "audit"}) == 1
    assert not any(task.done() for task in one._tasks)


async def test_a_step_that_others_outran_is_no_store_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await world.open()).one

    async def outrun(uid: str, now: datetime) -> None:
        raise Contended("others were faster each time")

    monkeypatch.setitem(one.work.asking, "changes", outrun)
    await world.post(notification(alert(**HIGH)))
    await one.due.later(f"{(await world.incidents())[0].uid} changes", round(world.clock.now().timestamp() * 1000))
    await one.work.beat()
    await one.work.idle()
    assert not one.outage.away
    assert one.metrics.registry.get_sample_value("receiver_store_up") == 1
