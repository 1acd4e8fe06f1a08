"""Splitting an incident: alerts move, are routed to their own incident from then on, and nobody is paged."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.log.notification_outcome import Outcome
from receiver.model.alert.alert import fingerprint
from receiver.model.command import Close, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, VersionConflict
from receiver.store.client.connection import StoreAway
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.usefixtures("clocks_agree")

ALICE = Actor(kind=ActorKind.API, name="alice")
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
LATER = "2026-11-23T14:05:00Z"


def finger(name: str) -> str:
    return fingerprint({"alertname": name, "service": "api"})


def three(**ended: bool) -> bytes:
    """Return a notification of the alerts A, B and C of one group."""
    return notification(*(alert(name, firing=not ended.get(name, False), **HIGH) for name in "ABC"))


async def split(world: World, *names: str, **more: Any) -> Incident:
    world.clock.forward(timedelta(seconds=1))
    done = await world.one.incident_split.split(
        "INC-2026-0001", [finger(name) for name in names], more.pop("title", None), ALICE, world.clock.now(), **more
    )
    await world.quiet()
    return done.incident


async def both(world: World) -> tuple[Incident, Incident]:
    first, second = await world.incidents()
    return first, second


async def opened(world: World) -> None:
    await world.open()
    await world.post(three())


async def test_the_alerts_leave_and_nobody_is_paged(world: World) -> None:
    await opened(world)
    made = await split(world, "B", "C")
    assert world.rung() == ["alice"]
    first, second = await both(world)
    assert (first.firing, second.firing, second.id) == (1, 2, made.id)
    assert (second.state, second.acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    # Regardless of its alerts, its title differs from that of the original incident, and of other incidents split from
    # it.
    assert re.fullmatch(r"B: api \([0-9a-f]{7}\)", second.title)
    assert (second.severity, second.decision.rule) == ("SEV-2", "high-error-rate")
    assert first.departed == (second.uid,)
    assert set(await world.one.incidents.records(first.uid)) == {finger("A")}
    assert len(world.slack.parents) == 2
    await world.forward("14m")
    assert world.rung() == ["alice"]


async def test_what_the_group_tells_goes_where_it_belongs(world: World) -> None:
    await opened(world)
    await split(world, "B")
    answer = await world.post(three())
    assert [(one.incident, one.outcome) for one in answer.parts] == [("INC-2026-0001", Outcome.DUPLICATE)]
    answer = await world.post(three(B=True))
    assert sorted((one.incident or "", one.outcome) for one in answer.parts) == [
        ("INC-2026-0001", Outcome.DUPLICATE),
        ("INC-2026-0002", Outcome.RESOLVED),
    ]
    first, second = await both(world)
    assert (first.state, first.firing) == (State.OPEN, 2)
    assert (second.state, second.firing) == (State.MONITORING, 0)
    # It fires again while it is monitored: the same incident, and no page of the other.
    again = alert("B", starts=LATER, **HIGH)
    await world.post(notification(alert("A", **HIGH), again, alert("C", **HIGH)))
    first, second = await both(world)
    assert (first.firing, second.firing, second.state) == (2, 1, State.ACKNOWLEDGED)
    await world.post(notification(*(alert(name, firing=False, starts=LATER, **HIGH) for name in "ABC")))
    await world.forward("17m")
    assert [one.state for one in await both(world)] == [State.RESOLVED, State.RESOLVED]
    assert world.pagerduty.open() == []


async def test_once_it_is_over_its_alerts_are_the_groups_again(world: World) -> None:
    await opened(world)
    await split(world, "B")
    await world.post(three(B=True))
    await world.forward("17m")
    assert (await both(world))[1].state is State.RESOLVED
    await world.post(notification(alert("A", **HIGH), alert("B", starts="2026-11-23T15:00:00Z", **HIGH)))
    first, second = await both(world)
    assert (first.firing, second.state) == (3, State.RESOLVED)
    assert await world.one.connection.client.hlen(world.one.connection.keys.named("apart")) == 0


async def test_closed_by_a_person_it_holds_its_alerts_until_they_clear(world: World) -> None:
    await opened(world)
    made = await split(world, "B")
    for command in (Resolve(), Close()):
        await world.one.respond.act(made.uid, command, ALICE, world.clock.now())
    await world.post(notification(alert("A", **HIGH), alert("B", **HIGH), alert("C", **HIGH), alert("D", **HIGH)))
    first, second = await both(world)
    assert (first.firing, second.state) == (3, State.CLOSED)
    assert world.rung() == ["alice"]


async def test_the_last_that_fires_leaves_the_rest_watched(world: World) -> None:
    await opened(world)
    await world.post(three(A=True, C=True))
    await split(world, "B")
    first, second = await both(world)
    assert (first.state, second.state) == (State.MONITORING, State.ACKNOWLEDGED)
    await world.forward("17m")
    assert (await both(world))[0].state is State.RESOLVED


async def test_a_crash_in_between_is_made_good(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(world)

    async def crash(uid: str, now: object) -> None:
        raise StoreAway("ended here")

    monkeypatch.setattr(world.one.incident_split, "leave", crash)
    with pytest.raises(StoreAway):
        await split(world, "B")
    first, second = await both(world)
    assert (first.firing, second.firing) == (3, 1)
    # Alerts that arrive meanwhile already belong to the new one.
    await world.post(three(B=True))
    assert (await both(world))[1].firing == 0
    monkeypatch.undo()
    await world.forward("1m")
    first, second = await both(world)
    assert (first.firing, first.departed) == (2, (second.uid,))
    assert await world.one.due.beat(0, 2**52) is not None


async def test_merged_back_it_is_one_again(world: World) -> None:
    await opened(world)
    made = await split(world, "B")
    await world.one.respond.merge(made.uid, "INC-2026-0001", ALICE, world.clock.now())
    await world.post(three(B=True))
    first, second = await both(world)
    assert (first.firing, second.state) == (2, State.CLOSED)


async def test_what_cannot_be_split_says_why(world: World) -> None:
    await opened(world)
    with pytest.raises(IllegalCommand, match="at least one alert must stay"):
        await split(world, "A", "B", "C")
    with pytest.raises(ImpossibleCommand, match="has no alert 0123456789abcdef"):
        await world.one.incident_split.split("INC-2026-0001", ["0123456789abcdef"], None, ALICE, world.clock.now())
    await world.post(three(B=True))
    with pytest.raises(IllegalCommand, match="none of these alerts is firing"):
        await split(world, "B")
    with pytest.raises(VersionConflict):
        await split(world, "C", expected=1)
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    with pytest.raises(IllegalCommand, match="reopen it first"):
        await split(world, "C")
    assert len(await world.incidents()) == 1


async def test_the_same_request_again_is_done_once(world: World) -> None:
    await opened(world)
    made = await split(world, "B", once="key", what="a", title="Checkout")
    again = await split(world, "B", once="key", what="a", title="Checkout")
    assert (made.uid, made.title) == (again.uid, "Checkout")
    with pytest.raises(IdempotencyKeyReused):
        await split(world, "C", once="key", what="b")
    assert len(await world.incidents()) == 2


async def test_two_replicas_split_the_same_alert_once(world: World) -> None:
    await world.open(replicas=2)
    await world.post(three())
    await split(world, "B")
    with pytest.raises(ImpossibleCommand):
        await world.replicas[1].incident_split.split("INC-2026-0001", [finger("B")], None, ALICE, world.clock.now())
    assert len(await world.incidents()) == 2


async def test_what_the_rules_could_not_use_is_counted_once_for_all_parts(world: World) -> None:
    await opened(world)
    await split(world, "B")
    odd = alert("D", labels={"severity": "odd"})
    await world.post(notification(*(alert(name, **HIGH) for name in "AC"), alert("B", firing=False, **HIGH), odd))
    found = [one for one in await world.one.unknowns.listing() if one["kind"] == "severity"]
    assert [(one["alertname"], one["count"]) for one in found] == [("D", 1)]


async def test_what_is_split_off_ends_in_another_incident_that_has_it_too(world: World) -> None:
    await world.open()
    await world.post(notification(alert("X", **HIGH), alert("A", **HIGH), group="first"))
    await world.post(notification(alert("Y", **HIGH), alert("A", **HIGH), group="second"))
    await split(world, "A")
    over = alert("A", firing=False, **HIGH)
    await world.post(notification(alert("X", firing=False, **HIGH), over, group="first"))
    await world.post(notification(alert("Y", firing=False, **HIGH), over, group="second"))
    await world.forward("16m")
    assert {one.state for one in await world.incidents()} == {State.RESOLVED}
    assert len(world.rung()) == 2
    assert {one["status"] for one in world.pagerduty.alerts.values()} == {"resolved"}
