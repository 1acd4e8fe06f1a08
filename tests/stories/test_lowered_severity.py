"""The severity is lowered before a page is delivered: nobody is paged whom the current severity does not page."""

from __future__ import annotations

import pytest

from receiver.model.command import Edit, PageContact
from receiver.model.severity import Severity
from tests.fakes import Answer
from tests.stories.test_escalation import ALICE, HIGH
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

ONE = "INC-2026-0001"
DOWN = Answer(status=503)


async def set_to(world: World, severity: Severity) -> None:
    """Set the severity by hand."""
    await world.one.respond.act(ONE, Edit(severity=severity), ALICE, world.clock.now())
    await world.quiet()


@pytest.mark.parametrize("refused", [DOWN, Answer(reset="after")])
async def test_a_page_that_is_called_for_no_more_is_dropped_and_called_for_again(world: World, refused: Answer) -> None:
    await world.open()
    world.pagerduty.script.extend([refused] * 4)
    await world.post(notification(alert("Broken", **HIGH)))
    await set_to(world, Severity.SEV4)
    world.pagerduty.script.clear()
    before = len(world.sent())
    await world.forward("10m")
    assert len(world.sent()) == before
    assert world.pagerduty.open() == [], "an attempt that may have arrived is resolved"
    await set_to(world, Severity.SEV2)
    assert world.rung()[before:] == ["alice"]
    assert len(world.pagerduty.open()) == 1
    await world.forward("16m")
    assert sorted(world.rung()[before:]) == ["alice", "bob", "eng-lead"]


async def test_nobody_stands_in_for_whoever_is_called_no_more(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await set_to(world, Severity.SEV4)
    await world.forward("40m")
    assert world.rung() == ["alice"]


async def test_a_page_that_was_accepted_stays_as_it_is(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await set_to(world, Severity.SEV4)
    await world.forward("1m")
    assert (world.rung(), len(world.pagerduty.open())) == (["alice"], 1)


async def test_whom_a_person_calls_for_is_called_whatever_the_severity(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await set_to(world, Severity.SEV4)
    world.pagerduty.script.extend([DOWN] * 2)
    call = PageContact(contact="cto", text="please look")
    await world.one.respond.act(ONE, call, ALICE, world.clock.now())
    await world.forward("1m")
    assert [key.split("/")[-2] for _, key in world.pagerduty.open()] == ["alice", "cto"]
