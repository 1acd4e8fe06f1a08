"""Corrections apply everywhere; they do not affect later events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from receiver.model.command import (
    AddAction,
    AddNote,
    ChangeAction,
    Choose,
    CorrectEntry,
    Identify,
    Reopen,
    Resolve,
    SetClock,
)
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.postmortem import CorrectedTime
from receiver.model.incident.response_records import ActionStatus
from receiver.pipeline.response.command_handler import IllegalCommand
from receiver.review.incident_times import ORDER, clocks
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
ONE = "INC-2026-0001"


async def act(world: World, command: object, number: str = ONE) -> None:
    await world.one.respond.act(number, command, ALICE, world.clock.now())  # type: ignore[arg-type]
    await world.quiet()


async def entry(world: World, kind: Kind) -> int:
    incident = await world.one.respond.find(ONE)
    return next(e.seq for e in reversed(await world.one.incidents.events(incident.uid)) if e.kind is kind)


async def draft(world: World) -> str:
    incident = await world.one.respond.find(ONE)
    log = await world.one.incidents.events(incident.uid)
    return world.one.setting.postmortem(incident, log, world.clock.now(), (), None)


async def test_a_new_end_is_not_affected_by_an_earlier_correction(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("10m")
    await act(world, Resolve())
    early = world.clock.now() - timedelta(minutes=5)
    await act(world, SetClock(clock=CorrectedTime.RESOLVED, at=early))
    await act(world, SetClock(clock=CorrectedTime.ACKNOWLEDGED, at=early))
    await act(world, Reopen())
    world.clock.forward(timedelta(hours=2))
    await act(world, Resolve())
    (incident,) = await world.incidents()
    assert "resolved" not in incident.clocks
    assert "acknowledged" in incident.clocks, "the first acknowledgement does not depend on later events"
    reports = world.one.reports
    said = await reports.monthly(reports.month("2026-11", world.clock.now()), world.clock.now())
    assert said["mttr"]["mean"] == 7800


async def test_a_page_outside_the_service_counts_as_a_page(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    by_hand = world.clock.now() - timedelta(minutes=5)
    await act(world, SetClock(clock=CorrectedTime.PAGED, at=by_hand, text="by telephone"))
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    paged = clocks(incident, log)["paged"]
    assert (paged.at, paged.by, paged.was) == (by_hand, "alice", world.clock.now())
    assert set(CorrectedTime) == set(ORDER) - {"opened"}, "every time except the service's own action"


async def test_moments_are_in_the_order_of_time(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("10m")
    with pytest.raises(IllegalCommand, match="resolve it first"):
        await act(world, SetClock(clock=CorrectedTime.RESOLVED, at=world.clock.now()))
    await act(world, Resolve())
    with pytest.raises(IllegalCommand, match="impact began"):
        await act(world, SetClock(clock=CorrectedTime.RESOLVED, at=datetime(2026, 11, 1, tzinfo=UTC)))
    world.clock.forward(timedelta(minutes=1))
    with pytest.raises(IllegalCommand, match="it was resolved at"):
        await act(world, SetClock(clock=CorrectedTime.IMPACT_BEGAN, at=world.clock.now()))


async def test_a_correction_applies_to_the_whole_post_mortem(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, Identify(text="Bob's secret key"))
    await act(world, Choose(option="rollback", text="to the wrong version"))
    assert (await draft(world)).count("secret key") == 3
    await act(world, CorrectEntry(seq=await entry(world, Kind.IDENTIFIED), hidden=True))
    assert "secret key" not in await draft(world)
    await act(world, CorrectEntry(seq=await entry(world, Kind.IDENTIFIED), text="A bad key", hidden=False))
    text = await draft(world)
    assert "secret key" not in text
    assert "### Root Cause\n\nA bad key\n" in text
    await act(world, CorrectEntry(seq=await entry(world, Kind.MITIGATION), hidden=True))
    assert "wrong version" not in await draft(world)


async def test_what_became_part_of_another_is_remembered_by_it(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing"), group="one"))
    await world.post(notification(alert("LoginFailing"), group="two"))
    await world.one.respond.merge("INC-2026-0002", ONE, ALICE, world.clock.now())
    await world.quiet()
    await act(world, AddAction(title="Add a canary", owner="bob"))
    await act(world, Resolve())
    for name, group in (("AuthFailing", "one"), ("LoginFailing", "two")):
        await world.post(notification(alert(name, firing=False), group=group))
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    world.clock.forward(timedelta(days=1))
    await world.post(notification(alert("LoginFailing", starts="2026-11-24T14:02:00Z"), group="two"))
    *_, again = await world.incidents()
    assert again.recurs


async def test_another_alert_of_the_same_group_is_another_thing(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, AddAction(title="Add a canary", owner="bob"))
    await act(world, Resolve())
    await world.post(notification(alert("AuthFailing", firing=False)))
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    world.clock.forward(timedelta(days=1))
    await world.post(notification(alert("DiskFull", starts="2026-11-24T14:02:00Z")))
    *_, again = await world.incidents()
    assert (again.id, again.recurs) == ("INC-2026-0002", ())


async def test_calls_of_what_was_merged_were_calls(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing"), group="one"))
    await world.post(notification(alert("LoginFailing"), group="two"))
    await world.one.respond.merge("INC-2026-0002", ONE, ALICE, world.clock.now())
    await world.quiet()
    reports = world.one.reports
    said = await reports.monthly(reports.month("2026-11", world.clock.now()), world.clock.now())
    assert said["total"] == 1
    assert said["pages"]["total"] == len(world.rung()) == 2


async def test_a_note_at_its_own_time_can_be_hidden(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, AddNote(text="x", at=world.clock.now() - timedelta(minutes=1)))
    await act(world, CorrectEntry(seq=await entry(world, Kind.NOTE), hidden=True))
    assert "| x |" not in await draft(world)
