"""The grouping changes while an incident is open: its alerts end in the incident where they began."""

from __future__ import annotations

import pytest

from receiver.model.incident.state import State
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

SHOP = {"service": "shop"}


async def regrouped(world: World) -> None:
    """Open an incident by its group, and correlate alerts by service from then on."""
    await world.open()
    await world.post(notification(alert("ApiDown"), alert("ServiceDown", labels=SHOP)))
    one = world.one
    incidents = one.config.incidents.model_copy(update={"correlate_by": ("service",)})
    one.apply(one.config.model_copy(update={"incidents": incidents}))


async def test_an_end_is_heard_although_its_key_is_another_one(world: World) -> None:
    await regrouped(world)
    await world.post(notification(alert("ApiDown", firing=False), alert("ServiceDown", firing=False, labels=SHOP)))
    (incident,) = await world.incidents()
    assert (incident.state, incident.firing) == (State.MONITORING, 0)
    await world.forward("31m")
    assert sorted(world.rung()) == ["alice", "eng-lead"], "nobody is paged for ended alerts"
    assert world.pagerduty.open() == []


async def test_what_begins_beside_it_is_an_incident_of_its_own(world: World) -> None:
    await regrouped(world)
    other = alert("ServiceDown", labels={"service": "mail"})
    await world.post(
        notification(alert("ApiDown", firing=False), alert("ServiceDown", firing=False, labels=SHOP), other)
    )
    first, second = sorted(await world.incidents(), key=lambda one: str(one.id))
    assert (first.state, first.firing) == (State.MONITORING, 0)
    assert (second.state, second.firing, second.service) == (State.OPEN, 1, "mail")


async def test_an_end_that_nobody_holds_still_changes_nothing(world: World) -> None:
    await regrouped(world)
    stranger = alert("ApiDown", firing=False, labels={"service": "nobody", "instance": "x"})
    answer = await world.post(notification(stranger))
    assert answer.foremost.incident is None
    (incident,) = await world.incidents()
    assert (incident.state, incident.firing) == (State.OPEN, 2)


async def test_an_end_is_heard_where_it_is_held_although_its_key_leads_to_another_open_incident(world: World) -> None:
    await regrouped(world)
    slow = alert("ServiceSlow", labels=SHOP)
    await world.post(notification(slow, group="shop"))
    first, second = sorted(await world.incidents(), key=lambda one: str(one.id))
    assert (first.firing, second.firing) == (2, 1)
    await world.post(notification(slow, alert("ServiceDown", firing=False, labels=SHOP), group="shop"))
    first, second = sorted(await world.incidents(), key=lambda one: str(one.id))
    assert (first.firing, second.state, second.firing) == (1, State.OPEN, 1)


async def test_an_end_is_an_end_in_each_incident_that_has_the_alert(world: World) -> None:
    await regrouped(world)
    await world.post(notification(alert("ServiceSlow", labels=SHOP), alert("ServiceDown", labels=SHOP), group="shop"))
    first, second = sorted(await world.incidents(), key=lambda one: str(one.id))
    assert (first.firing, second.firing) == (2, 2)
    ends = [alert(name, firing=False, labels=SHOP) for name in ("ServiceSlow", "ServiceDown")]
    await world.post(notification(*ends, group="shop"))
    first, second = sorted(await world.incidents(), key=lambda one: str(one.id))
    assert (first.firing, second.firing, second.state) == (1, 0, State.MONITORING)
