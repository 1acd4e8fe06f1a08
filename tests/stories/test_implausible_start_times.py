"""Alerts with an implausible startsAt, from the notification to the month's figures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.model.incident.review_record import review_record_fields
from receiver.review.incident_times import clocks, spans
from tests.stories.world import World, alert, notification


@pytest.mark.parametrize("starts", ["0001-01-01T00:00:00Z", "1985-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])
async def test_an_impossible_beginning_is_the_arrival_and_no_detection(world: World, starts: str) -> None:
    await world.open()
    body = notification(alert("ApiDown", starts=starts))
    await world.post(body)
    (incident,) = await world.incidents()
    assert incident.estimated
    assert incident.started_at == incident.opened_at
    assert review_record_fields(incident)["began"] is None
    assert spans(clocks(incident, []))["detect"] is None
    answer = await world.post(body)
    assert answer.foremost.outcome == "duplicate"
    await world.post(notification(alert("ApiDown", starts=starts, firing=False)))
    (incident,) = await world.incidents()
    assert incident.firing == 0


async def test_what_fired_long_before_this_service_was_connected_is_no_detection(world: World) -> None:
    await world.open()
    old = world.clock.now() - timedelta(days=9)
    await world.post(notification(alert("ApiDown", starts=old.isoformat()), group="one"))
    (first,) = await world.incidents()
    assert first.estimated
    assert first.started_at == first.opened_at
    await world.forward("2m")
    fresh = world.clock.now() - timedelta(minutes=3)
    await world.post(notification(alert("DbDown", starts=fresh.isoformat()), group="two"))
    second = next(one for one in await world.incidents() if one.uid != first.uid)
    assert (second.estimated, second.started_at) == (False, fresh)
