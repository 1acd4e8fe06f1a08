"""The incident of an alert that several groups report."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from receiver.incident.log.notification_outcome import Outcome
from tests.stories.world import World, alert, notification


@pytest.fixture
async def world(store_url: str, patient: None) -> AsyncIterator[World]:
    made = World(store_url)
    try:
        yield await made.open()
    finally:
        await made.close()


async def test_an_end_in_another_group_ends_the_alert_in_each_incident_that_has_it(world: World) -> None:
    """Two incidents have A; its end, reported by either group, applies to both."""
    a, c = alert("ApiDown"), alert("ServiceDown")
    await world.post(notification(a, group="one"))
    await world.post(notification(a, c, group="two"))
    await world.post(notification(alert("ApiDown", firing=False), c, group="two"))
    first, second = sorted(await world.incidents(), key=lambda incident: incident.id)
    assert (first.firing, first.resolved, second.firing, second.resolved) == (0, 1, 1, 1)


async def test_a_group_stays_with_its_own_incident_while_that_is_open(world: World) -> None:
    """Another incident has all its firing alerts; the group's own incident still gets the notification."""
    a, c = alert("ApiDown"), alert("ServiceDown")
    await world.post(notification(a, group="one"))
    await world.post(notification(a, c, group="two"))
    answer = await world.post(notification(a, alert("ServiceDown", firing=False), group="two"))
    assert (answer.foremost.incident, answer.foremost.outcome) == ("INC-2026-0002", Outcome.UPDATED)
    first, second = sorted(await world.incidents(), key=lambda incident: incident.id)
    assert (first.firing, second.firing, second.resolved) == (1, 1, 1)
