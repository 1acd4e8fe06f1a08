"""Notifications of public Alertmanagers, sent at their original pace, each with the expected outcome."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.stories.world import ROOT, World

PAYLOADS = ROOT / "tests" / "samples" / "upstream" / "payloads"
ALICE = Actor(kind=ActorKind.API, name="alice")
NEVER = "0001-01-01T00:00:00Z"


def moved(path: str, by: timedelta) -> bytes:
    """Return a payload whose times are `by` later, to match the story's clock."""
    body = json.loads((PAYLOADS / path).read_text())
    for one in body["alerts"]:
        for name in ("startsAt", "endsAt"):
            if one[name] != NEVER:
                one[name] = rfc3339(datetime.fromisoformat(one[name]) + by)
    return json.dumps(body).encode()


def began(path: str) -> datetime:
    body = json.loads((PAYLOADS / path).read_text())
    return datetime.fromisoformat(body["alerts"][0]["startsAt"])


async def told(world: World, folder: str, *names: str) -> list[Any]:
    """Post the payloads of `folder` in order, each a moment after the last time in it; return the outcomes."""
    shift = world.clock.now() - began(f"{folder}/{names[0]}.json")
    answers = []
    for name in names:
        body = moved(f"{folder}/{name}.json", shift)
        times = [one[key] for one in json.loads(body)["alerts"] for key in ("startsAt", "endsAt") if one[key] != NEVER]
        latest = max(datetime.fromisoformat(text) for text in times)
        ahead = (latest - world.clock.now()).total_seconds() + 1
        await world.forward(f"{max(1.0, ahead)}s")
        answers.append((await world.post(body)).foremost)
    return [answer.outcome for answer in answers]


@pytest.mark.parametrize(
    ("path", "severity", "paged"),
    [("SEV-1.json", Severity.SEV1, ["alice", "eng-lead"]), ("page.json", Severity.SEV2, ["alice"])],
)
async def test_01_severity_words_of_other_systems_count(
    world: World, path: str, severity: Severity, paged: list[str]
) -> None:
    await world.open()
    assert await told(world, "01-severity-styles", path.removesuffix(".json")) == [Outcome.OPENED]
    (incident,) = await world.incidents()
    assert incident.severity is severity
    assert sorted(world.rung()) == paged


@pytest.mark.parametrize("folder", ["02-watchdog", "03-infoinhibitor"])
async def test_02_03_what_only_steers_alertmanager_opens_nothing(world: World, folder: str) -> None:
    await world.open()
    assert await told(world, folder, "payload") == [Outcome.IGNORED]
    assert await world.incidents() == []
    assert world.rung() == []
    beaten = await world.one.intake.watchdogs.last_ms()
    assert (beaten is not None) is (folder == "02-watchdog")


async def test_18_a_repeated_notification_with_fields_of_a_newer_alertmanager_is_a_duplicate(world: World) -> None:
    await world.open()
    assert await told(world, "18-repeat", "payload", "payload", "payload") == [
        Outcome.OPENED, Outcome.DUPLICATE, Outcome.DUPLICATE
    ]  # fmt: skip
    assert len(await world.incidents()) == 1
    assert world.rung() == ["alice"]


async def test_38_a_truncated_notification_that_says_resolved_resolves_nothing(world: World) -> None:
    await world.open()
    await told(world, "38-truncated", "1", "2")
    await world.forward("5m")
    (incident,) = await world.incidents()
    assert incident.state is State.OPEN
    assert (incident.firing, incident.resolved) == (3, 1)
    assert world.sent("resolve") == world.sent("acknowledge") == []


async def test_41_flapping_within_seconds_is_one_incident_whose_page_stays_open(world: World) -> None:
    await world.open()
    names = [f"{number}-{state}" for number in range(6) for state in ("firing", "resolved")]
    outcomes = await told(world, "41-flap", *names)
    assert outcomes[0] is Outcome.OPENED
    assert set(outcomes[1:]) <= {Outcome.RESOLVED, Outcome.UPDATED, Outcome.REOPENED, Outcome.DUPLICATE}
    (incident,) = await world.incidents()
    assert (incident.state, incident.flapping) == (State.MONITORING, True)
    # Notified in the first cycles; from the third on the page stays, and at most one follows in 10 minutes.
    assert set(world.rung()) == {"alice"}
    assert len(world.rung()) == 3
    assert world.sent("acknowledge") == []
    open_pages = [one for one in world.pagerduty.alerts.values() if one["status"] == "triggered"]
    assert len(open_pages) == 1
    await world.forward("20m")
    (incident,) = await world.incidents()
    assert incident.state is State.RESOLVED
    assert world.pagerduty.open() == []


async def test_43_it_fires_again_while_it_is_watched_and_the_same_people_are_notified_again(world: World) -> None:
    await world.open()
    outcomes = await told(world, "43-refire-in-monitoring", "1-firing", "2-resolved", "3-firing-again")
    assert outcomes == [Outcome.OPENED, Outcome.RESOLVED, Outcome.UPDATED]
    (incident,) = await world.incidents()
    assert incident.state is State.OPEN
    assert world.rung() == ["alice", "alice"]
    assert len(set(world.sent())) == 2


@pytest.mark.parametrize("folder", ["44-refire-nobody-rung", "44b-refire-pagerduty"])
async def test_44_nobody_has_answered_and_somebody_is_notified_again_until_they_do(world: World, folder: str) -> None:
    await world.open()
    await told(world, folder, "1-firing", "2-resolved", "3-firing-again")
    assert world.rung() == ["alice", "alice"]
    assert world.sent("acknowledge") == [], "only people acknowledge"
    first, second = world.sent()
    assert world.sent("resolve") == [first]
    assert [key for (_, key), one in world.pagerduty.alerts.items() if one["status"] == "triggered"] == [second]
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("14m")
    assert world.rung() == ["alice", "alice"]
