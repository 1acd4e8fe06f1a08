"""The reason for an incident's severity, stored with it and in its log."""

from __future__ import annotations

import math

from receiver.model.incident.event import Kind
from tests.stories.world import World, alert, notification


async def test_an_infinite_latency_is_kept_and_read_again(world: World) -> None:
    await world.open()
    slow = alert("HighLatency", annotations={"latency": "+Inf"})
    await world.post(notification(slow, group="slow"))
    (incident,) = await world.incidents()
    assert (incident.severity, incident.decision.measured) == ("SEV-2", {"latency": math.inf})
    await world.post(notification({**slow, "status": "resolved", "endsAt": "2026-11-23T14:20:00Z"}, group="slow"))
    await world.forward("16m")
    (incident,) = await world.incidents()
    assert incident.state == "resolved"
    (opened,) = [e for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.OPENED]
    assert "latency +Inf > 5s" in opened.text
