"""What belongs together is decided otherwise while an incident is open: its alerts end where they began."""

from __future__ import annotations

from receiver.model.incident import State
from tests.stories.world import World, alert, notification

SHOP = {"service": "shop"}


async def regrouped(world: World) -> None:
    """Open an incident by its group, and let alerts belong together by their service from then on."""
    one = (await world.open()).one
    await world.post(notification(alert("ApiDown"), alert("ServiceDown", labels=SHOP)))
    incidents = one.config.incidents.model_copy(update={"correlate_by": ("service",)})
    one.apply(one.config.model_copy(update={"incidents": incidents}))


async def test_an_end_is_heard_although_its_key_is_another_one(world: World) -> None:
    await regrouped(world)
    await world.post(notification(alert("ApiDown", firing=False), alert("ServiceDown", firing=False, labels=SHOP)))
    (incident,) = await world.incidents()
    assert (incident.state, incident.firing) == (State.MONITORING, 0)
    await world.forward("31m")
    assert sorted(world.rung()) == ["alice", "eng-lead"], "nobody is called for what is over"
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
