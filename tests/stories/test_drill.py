"""A drill: marked everywhere, excluded from all figures, and separate from real incidents."""

from __future__ import annotations

import pytest

from receiver.incident.log.command_errors import IllegalCommand
from receiver.model.command import Acknowledge, Close, Declare, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.review.customer_email_text import customer_email
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")


async def drill(world: World, severity: Severity = Severity.SEV2, service: str | None = "api") -> str:
    """Open a drill, and return its id."""
    asked = Declare(title="Fire drill", severity=severity, service=service, drill=True)
    done = await world.one.respond.declare(asked, ALICE, world.clock.now())
    return done.incident.id


def gauge(world: World, name: str, **labels: str) -> float | None:
    """Return the value of a gauge."""
    return world.one.metrics.registry.get_sample_value(name, labels)


async def test_drills_make_no_storm(world: World) -> None:
    await world.open()
    for _ in range(25):
        await drill(world, Severity.SEV4)
    await world.post(notification(alert("AuthFailing")))
    (real,) = [one for one in await world.incidents() if not one.declared]
    assert (real.storm, real.held) == (False, None)
    assert world.rung() == ["alice"]
    assert [one.storm for one in await world.incidents()] == [False] * 26


async def test_no_gauge_shows_a_drill(world: World) -> None:
    await world.open()
    await drill(world)
    await world.quiet()
    assert gauge(world, "receiver_incidents_open", severity="SEV-2", state="open", team="") == 0
    await world.forward("45m")
    await world.forward("1h")
    finding = await world.one.auditor.audit(world.clock.now())
    assert (await world.incidents())[0].state is State.OPEN
    assert finding.unanswered == ()
    assert gauge(world, "receiver_unanswered_incidents") == 0


async def test_a_drill_and_what_is_real_are_never_one(world: World) -> None:
    await world.open()
    exercise = await drill(world)
    await world.post(notification(alert("AuthFailing")))
    (real,) = [one for one in await world.incidents() if one.id != exercise]
    assert (real.id != exercise, real.drill, len(world.rung())) == (True, False, 2)
    for child, parent in ((exercise, real.id), (real.id, exercise)):
        with pytest.raises(IllegalCommand, match=f"{exercise} is a drill, and the other one is not"):
            await world.one.respond.merge(child, parent, ALICE, world.clock.now())
    another = await drill(world)
    merged = await world.one.respond.merge(another, exercise, ALICE, world.clock.now())
    assert merged.incident.id == exercise
    for command in (Acknowledge(), Resolve(), Close()):
        await world.one.respond.act(exercise, command, ALICE, world.clock.now())
        await world.quiet()
    states = {one.id: one.state for one in await world.incidents()}
    assert (states[exercise], states[real.id]) == (State.CLOSED, State.OPEN)
    assert len(world.pagerduty.open()) == 1, "the page of the real incident stays open"


async def test_whoever_is_called_reads_in_the_reply_that_it_is_a_drill(world: World) -> None:
    await world.open(rooms=True)
    number = await drill(world, Severity.SEV1)
    await world.quiet()
    await world.one.respond.act(number, Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    assert world.slack.messages
    for message in world.slack.messages:
        assert message["text"].startswith("DRILL "), message["text"]
    assert [one["name"] for one in world.slack.rooms.values()] == ["inc-2026-0001-drill-api-fire-drill"]
    incident = (await world.incidents())[0]
    document = world.one.setting.document(
        incident, await world.one.incidents.events(incident.uid), incident.opened_at, ()
    )
    assert document is not None
    assert document.title == f"DRILL Post-Incident Review {number}"
    subject, _ = customer_email(incident, ("API",), "Stratum AI", "")
    assert subject.startswith("DRILL ")
    assert document.markdown.startswith("## DRILL Post-Incident Review: ")
