"""A step that fails, for whatever reason, harms nothing but itself, and is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from receiver.incident.audience import Policy
from receiver.incident.journal import Draft
from receiver.incident.timing import on_timer
from receiver.model.incident import Incident
from receiver.pipeline import work
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


@pytest.fixture
async def world(store_url: str, patient: None) -> AsyncIterator[World]:
    made = World(store_url)
    try:
        yield made
    finally:
        await made.close()


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
    for _ in range(35):
        world.clock.forward(timedelta(minutes=1))
        await world.one.work.guarded_beat()
        await world.one.work.idle()
    steps = {one.uid == spoiled: one.ladder.step for one in await world.incidents()}
    assert steps == {True: 0, False: 2}
    assert world.one.metrics.loop_errors.labels("timers")._value.get() > 0
