"""A person reports an incident as mitigated: it is monitored while alerts keep firing, and may be reopened."""

from __future__ import annotations

import pytest

from receiver.model.command import Acknowledge, Mitigate
from receiver.model.incident.event import Kind
from receiver.model.incident.state import State
from tests.stories.test_escalation import ALICE, HIGH
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

ONE = "INC-2026-0001"


async def mitigated(world: World, *, acknowledged: bool) -> None:
    """Open an incident with two alerts and report it as mitigated after ten minutes."""
    await world.open()
    await world.post(notification(alert("Broken", **HIGH), alert("Slow", **HIGH)))
    if acknowledged:
        await world.one.respond.act(ONE, Acknowledge(), ALICE, world.clock.now())
    await world.forward("10m")
    await world.one.respond.act(ONE, Mitigate(), ALICE, world.clock.now())
    await world.quiet()


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_what_fires_on_is_open_again_at_the_end_and_calls(world: World, acknowledged: bool) -> None:
    await mitigated(world, acknowledged=acknowledged)
    await world.forward("14m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.MONITORING, ["alice"])
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert (incident.state, incident.acknowledged_by, incident.flaps) == (State.OPEN, None, 0)
    assert world.rung() == ["alice", "alice"], "the person who reported it believes that it is over"
    assert [key for _, key in world.pagerduty.open()] == [world.sent()[-1]]
    refired = [e for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.REFIRED]
    assert [event.reason for event in refired] == ["still_firing"]
    assert "2 alerts still firing" in refired[0].text
    # Unacknowledged, its clock had run for ten minutes; acknowledged at once, for none. It continues from there.
    await world.forward("5m")
    assert ("eng-lead" in world.rung()) is not acknowledged
    await world.forward("10m")
    assert {"alice", "bob", "eng-lead"} <= set(world.rung())


async def test_what_is_told_of_once_more_is_no_new_beginning(world: World) -> None:
    await mitigated(world, acknowledged=False)
    await world.forward("2m")
    await world.post(notification(alert("Broken", **HIGH), alert("Slow", firing=False, **HIGH)))
    (incident,) = await world.incidents()
    assert (incident.state, incident.firing, world.rung()) == (State.MONITORING, 1, ["alice"])
    await world.post(notification(alert("Broken", firing=False, **HIGH), alert("Slow", firing=False, **HIGH)))
    await world.forward("14m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.RESOLVED, ["alice"])


async def test_what_began_anew_after_that_calls_at_once(world: World) -> None:
    await mitigated(world, acknowledged=False)
    await world.forward("2m")
    # Alertmanager does not report an end if the alert fires again at once.
    again = alert("Broken", starts="2026-11-23T14:13:00Z", **HIGH)
    await world.post(notification(again, alert("Slow", **HIGH)))
    assert ((await world.incidents())[0].state, world.rung()) == (State.OPEN, ["alice", "alice"])


async def test_what_was_cut_off_and_fires_on_is_open_again_too(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH), truncated=2))
    await world.one.respond.act(ONE, Mitigate(), ALICE, world.clock.now())
    await world.forward("16m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.OPEN, ["alice", "alice"])
