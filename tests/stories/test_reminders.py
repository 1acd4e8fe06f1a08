"""Reminders of a SEV-1 or SEV-2 without an Incident Commander, or without an update."""

from __future__ import annotations

import pytest

from receiver.model.command import Assign, Declare, UpdateStatusPage
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.response_records import Role, UpdateStatus
from receiver.model.severity import Severity
from tests.stories.world import World

ALICE = Actor(kind=ActorKind.API, name="alice")


async def reminders(world: World) -> list[str]:
    """Return the reminders, in order."""
    (incident,) = await world.incidents()
    return [e.text for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.REMINDER]


async def declared(world: World, severity: str) -> None:
    """Open an incident of that severity by hand."""
    await world.open()
    await world.one.respond.declare(Declare(title="x", severity=Severity(severity)), ALICE, world.clock.now())
    await world.quiet()


@pytest.mark.parametrize("severity", ["SEV-1", "SEV-2"])
async def test_nobody_commands_and_nobody_tells(world: World, severity: str) -> None:
    await declared(world, severity)
    await world.forward("29m")
    assert await reminders(world) == []
    await world.forward("2m")
    assert await reminders(world) == ["no one is Incident Commander; no update for 30 min"]
    await world.forward("30m")
    assert len(await reminders(world)) == 2
    assert sum("no one is Incident Commander" in str(one) for one in world.slack.messages) == 2


async def test_an_update_puts_it_off_and_a_commander_is_asked_for_the_next(world: World) -> None:
    await declared(world, "SEV-2")
    act, now = world.one.respond.act, world.clock.now
    await act("INC-2026-0001", Assign(role=Role.IC, person="bob"), ALICE, now())
    await world.forward("20m")
    await act("INC-2026-0001", UpdateStatusPage(status=UpdateStatus.INVESTIGATING, text="Looking."), ALICE, now())
    await world.forward("25m")
    assert await reminders(world) == []
    await world.forward("6m")
    assert await reminders(world) == ["no update for 30 min"]


@pytest.mark.parametrize("severity", ["SEV-3", "SEV-4"])
async def test_the_milder_ones_are_not_reminded_of(world: World, severity: str) -> None:
    await declared(world, severity)
    await world.forward("180m")
    assert await reminders(world) == []


async def test_who_has_the_role_is_called_each_time(world: World) -> None:
    await declared(world, "SEV-2")
    act, now = world.one.respond.act, world.clock.now
    await act("INC-2026-0001", Assign(role=Role.IC, person="bob"), ALICE, now())
    await act("INC-2026-0001", Assign(role=Role.COMMS, person="cs-lead"), ALICE, now())
    await world.quiet()
    before = len(world.slack.messages)
    for _ in range(2):
        await world.forward("31m")
    calls = [text for one in list(world.slack.messages)[before:] if "no update for" in (text := str(one))]
    assert len(calls) == 2
    assert all("<@U0BOB>" in text and "<@U0CS>" in text for text in calls)


async def test_the_communications_lead_is_called_for_a_draft_that_waits(world: World) -> None:
    await declared(world, "SEV-2")
    act, now = world.one.respond.act, world.clock.now
    await act("INC-2026-0001", Assign(role=Role.COMMS, person="cs-lead"), ALICE, now())
    await world.forward("16m")
    (said,) = [text for one in world.slack.messages if "waiting for approval: the public" in (text := str(one))]
    assert "<@U0CS>" in said
