"""The severity rises at once, is lowered only by a proposal after a hold time, and stays if a person set it."""

from __future__ import annotations

from typing import Any

from receiver.model.command import Acknowledge, Edit
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.PERSON, name="alice")
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
MILD: dict[str, Any] = {"annotations": {"error_rate": "1%"}, "labels": {"severity": "warning"}}


async def the(world: World) -> Incident:
    (incident,) = await world.incidents()
    assert isinstance(incident, Incident)
    return incident


async def proposals(world: World) -> list[str]:
    log = await world.one.incidents.events((await the(world)).uid)
    return [event.text for event in log if event.kind is Kind.SEVERITY_PROPOSED]


async def grown_milder(world: World) -> None:
    """Given a SEV-2 whose worst alert has ended, with a SEV-3 that still fires."""
    await world.open()
    await world.post(notification(alert("Errors", **HIGH), alert("Slow", **MILD)))
    await world.post(notification(alert("Errors", firing=False, **HIGH), alert("Slow", **MILD)))


async def test_a_lower_severity_is_proposed_once_after_the_hold_time(world: World) -> None:
    await grown_milder(world)
    await world.forward("14m")
    assert await proposals(world) == []
    await world.forward("2m")
    assert await proposals(world) == ["for 15 min nothing worse than SEV-3 has fired: lower it from SEV-2?"]
    assert (await the(world)).severity is Severity.SEV2
    await world.forward("120m")
    assert len(await proposals(world)) == 1
    assert (await the(world)).severity is Severity.SEV2


async def test_an_alert_as_bad_as_before_starts_the_hold_anew(world: World) -> None:
    await grown_milder(world)
    await world.forward("10m")
    again = alert("Errors", starts="2026-11-23T14:12:00Z", **HIGH)
    await world.post(notification(again, alert("Slow", **MILD)))
    await world.forward("2m")
    ended = alert("Errors", starts="2026-11-23T14:12:00Z", ends="2026-11-23T14:14:00Z", firing=False, **HIGH)
    await world.post(notification(ended, alert("Slow", **MILD)))
    await world.forward("14m")
    assert await proposals(world) == []
    await world.forward("2m")
    assert len(await proposals(world)) == 1


async def test_what_a_person_set_is_not_asked_about_nor_changed_by_the_same_alerts(world: World) -> None:
    await world.open()
    both = notification(alert("Errors", **HIGH), alert("Slow", **MILD))
    await world.post(both)
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV4), ALICE, world.clock.now())
    await world.post(both)
    assert (await the(world)).severity is Severity.SEV4
    await world.post(notification(alert("Errors", **HIGH), alert("Slow", **MILD), alert("Another", **MILD)))
    assert (await the(world)).severity is Severity.SEV3, "a new alert is worse than what was set"
    ended = alert("Errors", firing=False, **HIGH)
    await world.post(notification(ended, alert("Slow", **MILD), alert("Another", **MILD)))
    await world.forward("60m")
    assert await proposals(world) == []


async def test_above_what_a_person_set_it_rises(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Errors", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV4), ALICE, world.clock.now())
    await world.post(notification(alert("Errors", **HIGH), alert("ApiDown")))
    incident = await the(world)
    assert (incident.severity, incident.decision.rule) == (Severity.SEV1, "outage")
    assert sorted(world.rung()) == ["alice", "eng-lead"]


async def test_what_a_person_has_raised_does_not_fall_by_a_milder_alert(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Slow", **MILD)))
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV1), ALICE, world.clock.now())
    await world.post(notification(alert("Slow", **MILD), alert("Errors", **HIGH)))
    await world.forward("40m")
    assert (await the(world)).severity is Severity.SEV1
    assert await proposals(world) == []
    assert len(world.rung()) == len(set(world.rung()))


async def test_a_proposal_that_is_accepted_lowers_and_calls_nobody(world: World) -> None:
    await grown_milder(world)
    await world.forward("14m")
    await world.one.respond.act("INC-2026-0001", Edit(summary="known"), ALICE, world.clock.now())
    await world.forward("2m")
    rung = world.rung()
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV3), ALICE, world.clock.now())
    await world.forward("1m")
    assert (await the(world)).severity is Severity.SEV3
    assert world.rung() == rung


async def test_raised_while_it_is_watched_it_calls_once_it_fires_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Errors", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.post(notification(alert("Errors", firing=False, **HIGH)))
    await world.forward("1m")
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV1), ALICE, world.clock.now())
    await world.forward("1m")
    assert world.rung() == ["alice"], "it is monitored: nobody is paged"
    await world.post(notification(alert("Errors", starts="2026-11-23T14:04:00Z", **HIGH)))
    assert world.rung() == ["alice", "eng-lead"]
    assert set((await the(world)).notified) >= {"vp-eng", "cto", "ceo"}
    # That page is unanswered: it is resolved when all alerts end, and its person is paged again. Alice has
    # acknowledged.
    ended = alert("Errors", firing=False, starts="2026-11-23T14:04:00Z", ends="2026-11-23T14:05:00Z", **HIGH)
    await world.post(notification(ended))
    await world.forward("1m")
    await world.post(notification(alert("Errors", starts="2026-11-23T14:05:00Z", **HIGH)))
    assert world.rung() == ["alice", "eng-lead", "eng-lead"]
