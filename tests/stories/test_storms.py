"""Storms that people end, that continue, and that get worse after they have ended: no page is lost."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.command import Acknowledge, Command, Edit, Mitigate, Reopen, Resolve
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.stories.test_escalation import ALICE, EVERYBODY, HIGH
from tests.stories.world import World, alert, notification

pytestmark = [pytest.mark.usefixtures("clocks_agree"), pytest.mark.killed_in_turn]

WARNING: dict[str, Any] = {"annotations": {"error_rate": "1%"}, "labels": {"severity": "warning"}}


async def burst(world: World, first: int, count: int, kind: dict[str, Any]) -> None:
    for number in range(first, first + count):
        await world.post(notification(alert(f"A{number}", **kind), group=f"g{number}"))


async def storms(world: World) -> list[Incident]:
    return [one for one in await world.incidents() if one.storm]


async def test_after_a_storm_that_a_person_has_resolved_there_is_another(world: World) -> None:
    await world.open()
    await burst(world, 0, 22, HIGH)
    (storm,) = await storms(world)
    await world.one.respond.act(storm.id, Resolve(), ALICE, world.clock.now())
    await world.quiet()
    # It continues: notifications are accepted, and the next storm covers them.
    await burst(world, 22, 2, HIGH)
    (_, after) = sorted(await storms(world), key=lambda one: one.state is State.OPEN)
    assert (after.state, [page.person for page in after.pages]) == (State.OPEN, ["alice"])
    assert sum(one.held == "storm" and one.parent == after.uid for one in await world.incidents()) == 2


async def test_a_storm_that_is_reopened_keeps_no_later_one_from_calling(world: World) -> None:
    await world.open()
    await burst(world, 0, 22, WARNING)
    (storm,) = await storms(world)
    await world.forward("5m")
    await world.one.respond.act(storm.id, Resolve(), ALICE, world.clock.now())
    await world.quiet()
    await world.one.respond.act(storm.id, Reopen(), ALICE, world.clock.now())
    await burst(world, 30, 20, WARNING)
    await burst(world, 60, 2, HIGH)
    await world.forward("10s")
    assert world.rung() == ["alice"]
    assert {one.parent for one in await world.incidents() if one.severity == "SEV-2" and one.held} == {
        one.uid for one in await storms(world) if one.pages
    }


async def test_what_was_held_as_a_late_copy_may_be_what_makes_it_a_storm(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Late", firing=False, **HIGH), group="late"))
    await world.post(notification(alert("Late", **HIGH), group="late"))
    await world.forward("30s")
    await burst(world, 0, 20, HIGH)
    rung = len(world.rung())
    await world.forward("40s")
    (storm,) = await storms(world)
    (late,) = [one for one in await world.incidents() if one.held]
    assert (late.names, late.parent) == (("Late",), storm.uid)
    assert len(world.rung()) == rung + 1, "the storm pages for it"


@pytest.mark.parametrize("command", [None, Acknowledge(), Mitigate()])
async def test_what_it_holds_back_and_grows_worse_after_its_end_calls(world: World, command: Command | None) -> None:
    await world.open()
    await burst(world, 0, 23, WARNING)
    await world.forward("5m")
    (storm,) = await storms(world)
    assert storm.storm_ended_at is not None
    if command is not None:
        await world.one.respond.act(storm.id, command, ALICE, world.clock.now())
    await world.post(notification(alert("A22", **WARNING), alert("Errors", **HIGH), group="g22"))
    await world.forward("10s")
    assert world.rung() == ["alice"]


async def test_what_a_person_has_set_for_a_storm_stays_until_something_is_worse(world: World) -> None:
    await world.open()
    await burst(world, 0, 23, HIGH)
    await world.forward("10s")
    (storm,) = await storms(world)
    await world.one.respond.act(storm.id, Edit(severity=Severity.SEV3), ALICE, world.clock.now())
    await world.forward("30s")
    (storm,) = await storms(world)
    assert (storm.severity, storm.by_hand) == (Severity.SEV3, True)


async def test_above_what_a_person_has_set_for_a_storm_it_rises(world: World) -> None:
    await world.open()
    await burst(world, 0, 23, WARNING)
    await world.forward("10s")
    (storm,) = await storms(world)
    await world.one.respond.act(storm.id, Edit(severity=Severity.SEV4), ALICE, world.clock.now())
    await world.post(notification(alert("A22", **WARNING), alert("Errors", **HIGH), group="g22"))
    await world.forward("10s")
    (storm,) = await storms(world)
    assert (storm.severity, world.rung()) == (Severity.SEV2, ["alice"])


async def test_what_a_storm_has_let_out_is_reminded_of(world: World) -> None:
    await world.open()
    await burst(world, 0, 22, WARNING)
    await world.post(notification(alert("A21", **WARNING), alert("Everything", **EVERYBODY), group="g21"))
    await world.forward("31m")
    (worst,) = [one for one in await world.incidents() if one.severity is Severity.SEV1 and not one.storm]
    log = await world.one.incidents.events(worst.uid)
    assert worst.held is None
    assert [event.text for event in log if event.kind is Kind.REMINDER] == [
        "no one is Incident Commander; no update for 30 min"
    ]


async def spread(world: World, count: int) -> None:
    """Open that many incidents, ten at a time: no storm."""
    for first in range(0, count, 10):
        await burst(world, first, 10, HIGH)
        await world.forward("90s")


async def over(world: World, count: int) -> None:
    """End all of their alerts."""
    for number in range(count):
        await world.post(notification(alert(f"A{number}", firing=False, **HIGH), group=f"g{number}"))


@pytest.mark.parametrize(("quiet", "state"), [("2m", State.MONITORING), ("16m", State.RESOLVED)])
async def test_what_fires_again_all_at_once_is_a_storm(world: World, quiet: str, state: State) -> None:
    await world.open()
    await spread(world, 30)
    await over(world, 30)
    await world.forward(quiet)
    assert {one.state for one in await world.incidents()} == {state}
    before = len(world.rung())
    assert before == 30
    starts: dict[str, Any] = {"starts": "2026-11-23T14:30:00Z"}
    for number in range(30):
        await world.post(notification(alert(f"A{number}", **starts, **HIGH), group=f"g{number}"))
    (storm,) = await storms(world)
    assert len(world.rung()) == before + 21, "twenty separately, and the storm for the rest"
    held = [one for one in await world.incidents() if one.held == "storm"]
    assert (len(held), {one.parent for one in held}) == (10, {storm.uid})
    worst = alert("A29", **starts, labels={"scope": "all_users"}, annotations={"error_rate": "61%"})
    await world.post(notification(worst, group="g29"))
    assert "eng-lead" in world.rung()[before + 21 :], "a SEV-1 is never held back"


async def test_a_storm_that_is_opened_before_its_incidents_does_not_end_at_the_first_count(world: World) -> None:
    one = (await world.open()).one
    why = "20 groups while the store was unavailable"
    await one.intake.storms.open(Severity.SEV2, why, one.setting, world.clock.now())
    await world.forward("30s")
    (storm,) = await world.incidents()
    assert storm.storm_ended_at is None
    await world.forward("40s")
    (storm,) = await world.incidents()
    assert storm.storm_ended_at is not None
