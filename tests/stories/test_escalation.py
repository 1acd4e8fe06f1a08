"""The escalations, minute by minute: who is paged when, nobody earlier, nobody twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.model.command import Acknowledge, Declare, Edit, Mitigate, Reopen, Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
EVERYBODY: dict[str, Any] = {"labels": {"scope": "all_users"}, "annotations": {"error_rate": "61%"}}
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
MINOR: dict[str, Any] = {"labels": {"service": "batch"}}
BY = {"SEV-1": EVERYBODY, "SEV-2": HIGH, "SEV-3": MINOR}


async def the(world: World) -> Incident:
    (incident,) = await world.incidents()
    found: Incident = incident
    return found


async def called(world: World) -> list[tuple[float, str, str]]:
    """Return minute, way and person of everyone who was paged or notified, from the log."""
    incident = await the(world)
    found = []
    for event in await world.one.incidents.events(incident.uid):
        minute = round((event.at - incident.opened_at).total_seconds() / 60, 1)
        if event.kind is Kind.PAGE:
            found.append((minute, "page", event.data["page"]["person"]))
        elif event.kind is Kind.NOTIFY:
            found += [(minute, "notify", person) for person in event.data["people"]]
    return found


def breaches(world: World, severity: str) -> float:
    found = world.one.metrics.registry.get_sample_value(
        "receiver_response_breaches_total", {"severity": severity, "team": ""}
    )
    return found or 0.0


MATRIX = {
    "SEV-1": [
        (0, "page", "alice"), (0, "page", "eng-lead"),
        (0, "notify", "vp-eng"), (0, "notify", "cto"), (0, "notify", "ceo"), (0, "notify", "cs-lead"),
        (5, "page", "bob"), (5, "page", "eng-lead-2"),
        (15, "page", "vp-eng"), (30, "page", "cto"), (60, "page", "ceo"),
    ],
    "SEV-2": [
        (0, "page", "alice"), (0, "notify", "eng-lead"),
        (15, "page", "eng-lead"), (15, "page", "bob"), (15, "notify", "eng-lead-2"), (30, "page", "vp-eng"),
    ],
    "SEV-3": [(0, "notify", "alice"), (15, "notify", "eng-lead"), (60, "notify", "bob")],
}  # fmt: skip


@pytest.mark.parametrize("severity", list(MATRIX))
async def test_if_nobody_answers_everybody_is_called_in_the_order_of_the_matrix(world: World, severity: str) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **BY[severity])))
    await world.forward("90m")
    assert sorted(await called(world)) == sorted(MATRIX[severity])
    assert breaches(world, severity) == 1
    paged = [person for _, way, person in MATRIX[severity] if way == "page"]
    assert sorted(world.rung()) == sorted(paged)


@pytest.mark.parametrize("severity", list(MATRIX))
@pytest.mark.parametrize("minute", [4, 14, 29, 59])
async def test_nobody_is_called_a_minute_early(world: World, severity: str, minute: int) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **BY[severity])))
    await world.forward(f"{minute}m")
    assert sorted(await called(world)) == sorted(one for one in MATRIX[severity] if one[0] <= minute)


async def test_a_sev4_is_a_ticket_and_its_clock_counts_business_hours(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Ui", labels={"category": "ui"})))
    incident = await the(world)
    kinds = [event.kind for event in await world.one.incidents.events(incident.uid)]
    assert (incident.severity, Kind.TICKET in kinds) == ("SEV-4", True)
    assert await called(world) == []
    # Opened on a Monday at 14:02: four hours of 09:00 to 17:00 end on Tuesday at 10:02.
    assert incident.plan.severities[Severity.SEV4].hours is not None
    await world.forward("20h")
    assert world.rung() == []


@pytest.mark.parametrize("severity", ["SEV-2", "SEV-3"])
async def test_an_acknowledgement_stops_it(world: World, severity: str) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **BY[severity])))
    await world.forward("10m")
    before = await called(world)
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("50m")
    assert await called(world) == before
    assert breaches(world, severity) == 0


async def test_a_sev1_goes_on_until_it_is_resolved_but_asks_no_backup(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **EVERYBODY)))
    await world.forward("2m")
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("20m")
    assert sorted(world.rung()) == ["alice", "eng-lead", "vp-eng"]
    assert sorted(key.split("/")[-2] for key in world.sent("acknowledge")) == ["alice", "eng-lead"]
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.forward("60m")
    assert sorted(world.rung()) == ["alice", "eng-lead", "vp-eng"]
    assert world.pagerduty.open() == []


async def test_an_acknowledgement_lapses_without_work_and_rings_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("5m")
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("50m")
    await world.one.respond.act("INC-2026-0001", Edit(impact="checkout"), ALICE, world.clock.now())
    await world.forward("55m")
    assert (await the(world)).state is State.ACKNOWLEDGED, "work has renewed it"
    await world.forward("6m")
    incident = await the(world)
    assert (incident.state, incident.ring) == (State.OPEN, 2)
    assert world.rung() == ["alice", "alice"]
    await world.forward("11m")
    assert world.rung() == ["alice", "alice", "eng-lead"], "it continues where it had stopped"


async def test_an_acknowledgement_lapses_too_after_a_watch_that_failed(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.one.respond.act("INC-2026-0001", Mitigate(), ALICE, world.clock.now())
    await world.forward("5m")
    await world.post(notification(alert("Broken", starts="2026-11-23T14:05:00Z", **HIGH)))
    assert (await the(world)).state is State.ACKNOWLEDGED
    await world.forward("59m")
    assert world.rung() == ["alice"]
    await world.forward("2m")
    assert world.rung() == ["alice", "alice"]


async def test_a_worse_severity_shortens_an_acknowledgement(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **MINOR)))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    assert (await the(world)).acknowledged_until is None, "an acknowledgement of a SEV-3 never expires"
    await world.post(notification(alert("Broken", **MINOR), alert("Slow", **HIGH)))
    now = world.clock.now()
    assert (await the(world)).acknowledged_until == now + timedelta(hours=1)
    await world.post(notification(alert("Broken", **MINOR), alert("Slow", **HIGH), alert("ApiDown")))
    assert (await the(world)).acknowledged_until == now + timedelta(minutes=30)


async def test_a_raised_severity_restarts_it_and_pages_nobody_twice(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("10m")
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV1), ALICE, world.clock.now())
    await world.forward("1m")
    assert sorted(world.rung()) == ["alice", "eng-lead"]
    await world.forward("13m")
    assert "vp-eng" not in world.rung()
    await world.forward("2m")
    assert "vp-eng" in world.rung()
    assert len(world.rung()) == len(set(world.rung()))


async def test_a_raise_rings_those_who_were_not_paged_although_it_is_acknowledged(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.post(notification(alert("Broken", **HIGH), alert("ApiDown")))
    assert sorted(world.rung()) == ["alice", "alice", "eng-lead"], "a new alert worse than all before, for her as well"
    assert (await the(world)).state is State.ACKNOWLEDGED


async def test_watching_suspends_it_and_falling_back_resumes_it(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("10m")
    await world.one.respond.act("INC-2026-0001", Mitigate(), ALICE, world.clock.now())
    await world.forward("10m")
    assert world.rung() == ["alice"]
    await world.post(notification(alert("Broken", starts="2026-11-23T14:21:00Z", **HIGH)))
    assert (await the(world)).state is State.OPEN
    assert world.rung() == ["alice", "alice"]
    await world.forward("4m")
    assert world.rung() == ["alice", "alice"]
    await world.forward("2m")
    assert sorted(world.rung()) == ["alice", "alice", "bob", "eng-lead"]


async def test_reopened_by_hand_it_rings_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.one.respond.act("INC-2026-0001", Reopen(), ALICE, world.clock.now())
    await world.quiet()
    assert world.rung() == ["alice", "alice"]
    await world.forward("16m")
    assert sorted(world.rung()) == ["alice", "alice", "bob", "eng-lead"]


async def test_a_storm_is_paged_once_and_holds_no_sev1_back(world: World) -> None:
    await world.open()
    for number in range(20):
        await world.post(notification(alert(f"Auth{number}"), group=f"g{number}"))
    assert len(world.rung()) == 20
    for number in range(20, 30):
        await world.post(notification(alert(f"Auth{number}"), group=f"g{number}"))
    assert len(world.rung()) == 21, "one page for the storm"
    await world.post(notification(alert("ApiDown"), group="down"))
    assert len(world.rung()) == 23
    incidents = await world.incidents()
    storm = next(one for one in incidents if one.storm)
    assert sum(one.held == "storm" for one in incidents) == 10
    await world.forward("2m")
    log = await world.one.incidents.events(storm.uid)
    ended = next(event for event in log if event.kind is Kind.STORM_ENDED)
    assert ended.data["held_back"] == 10
    assert len(ended.data["incidents"]) == 10
    await world.forward("14m")
    assert not {one.uid for one in await world.incidents() if one.held} & {storm.uid}


async def test_two_replicas_take_every_step_once(world: World) -> None:
    await world.open(2)
    await world.post(notification(alert("Broken", **EVERYBODY)))
    await world.forward("14m")
    gone = world.replicas.pop(0)
    await gone.close()
    await world.forward("2m")
    await world.replica()
    gone = world.replicas.pop(0)
    await gone.close()
    await world.forward("60m")
    assert sorted(await called(world)) == sorted(MATRIX["SEV-1"])


async def test_declared_by_hand_it_escalates_like_any_other(world: World) -> None:
    await world.open()
    await world.one.respond.declare(Declare(title="Checkout is down", severity=Severity.SEV2), ALICE, world.clock.now())
    await world.forward("31m")
    assert sorted(world.rung()) == ["alice", "bob", "eng-lead", "vp-eng"]
