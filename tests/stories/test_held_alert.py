"""An alert that fires with the startsAt of its own end is held for a minute: the effect on its incident."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.incident.state import State
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def test_a_firing_alert_that_is_held_keeps_its_incident_open(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH), truncated=1))
    answer = await world.post(notification(alert(**HIGH)))
    assert answer.foremost.outcome is not Outcome.RESOLVED
    assert (await world.incidents())[0].state is State.OPEN
    await world.forward("61s")
    (incident,) = await world.incidents()
    assert (incident.state, incident.firing) == (State.OPEN, 1)
    assert (world.rung(), world.sent("resolve")) == (["alice"], []), "it has fired all the time"


async def test_once_it_ends_within_the_minute_it_is_over(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH), truncated=1))
    await world.post(notification(alert(**HIGH)))
    await world.forward("30s")
    answer = await world.post(notification(alert(firing=False, **HIGH)))
    assert answer.foremost.outcome is Outcome.RESOLVED
    assert (await world.incidents())[0].state is State.MONITORING
    await world.forward("16m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.RESOLVED, ["alice"])
