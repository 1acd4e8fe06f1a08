"""The Communications Lead is notified once of the draft of the customer email, when a major incident has ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.model.command import Assign, Command, Reopen, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.response_records import Role
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
LEAD = Assign(role=Role.COMMS, person="bob")


async def act(world: World, command: Command) -> None:
    await world.one.respond.act("INC-2026-0001", command, ALICE, world.clock.now())
    world.clock.forward(timedelta(seconds=30))
    await world.quiet()


def told(world: World) -> list[str]:
    return [text for one in world.slack.messages if "receiver customer-email INC-2026-0001" in (text := str(one))]


async def test_the_communications_lead_is_notified_by_name_at_the_end(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, LEAD)
    assert told(world) == []
    await act(world, Resolve())
    (said,) = told(world)
    assert "<@U0BOB>" in said
    world.clock.forward(timedelta(days=1))
    await world.quiet()
    assert len(told(world)) == 1
    await act(world, Reopen())
    await act(world, Resolve())
    assert len(told(world)) == 2, "another end is another email"
    await world.incidents()


async def test_a_later_communications_lead_is_notified_on_taking_the_role(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await act(world, Resolve())
    assert told(world) == []
    await act(world, LEAD)
    assert len(told(world)) == 1


@pytest.mark.parametrize(
    ("name", "labels"), [("Odd", {}), ("AuthFailing", {"customer_visible": "false"})], ids=["minor", "unseen"]
)
async def test_no_one_is_asked_for_an_unnecessary_email(world: World, name: str, labels: dict[str, str]) -> None:
    await world.open()
    await world.post(notification(alert(name, labels=labels)))
    await act(world, LEAD)
    await act(world, Resolve())
    assert told(world) == []
