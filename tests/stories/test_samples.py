"""Captured and handwritten bodies of Alertmanager, each with the expected response."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.incident.state import State
from tests.stories.world import ROOT, World

SAMPLES = ROOT / "tests" / "samples"
NAMES = sorted(path.name for path in SAMPLES.glob("alertmanager-*.json"))
OF_NOTHING = {"watchdog", "resolved", "resolved-group", "resolved-single", "truncated-says-resolved"}
"""Samples without a firing alert: alone, they open no incident."""


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def short(name: str) -> str:
    return Path(name).stem.removeprefix("alertmanager-").removeprefix("captured-")


def test_the_samples_are_there() -> None:
    assert len(NAMES) >= 20


@pytest.mark.parametrize("name", NAMES)
async def test_each_is_taken_once_and_is_a_duplicate_then(world: World, name: str) -> None:
    await world.open()
    expected = Outcome.IGNORED if short(name) in OF_NOTHING else Outcome.OPENED
    first = (await world.post(sample(name))).foremost
    assert (first.outcome, first.incident is None) == (expected, expected is Outcome.IGNORED)
    rung = world.rung()
    again = (await world.post(sample(name))).foremost
    assert again.outcome is (Outcome.IGNORED if expected is Outcome.IGNORED else Outcome.DUPLICATE)
    assert (again.incident, world.rung()) == (first.incident, rung)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("alertmanager-captured-truncated-firing.json", "alertmanager-captured-truncated-says-resolved.json"),
        ("alertmanager-truncated.json", "alertmanager-truncated-says-resolved.json"),
        ("alertmanager-captured-silenced-before.json", "alertmanager-captured-silenced-after.json"),
    ],
)
async def test_what_is_cut_or_silenced_resolves_nothing(world: World, before: str, after: str) -> None:
    await world.open()
    await world.post(sample(before))
    await world.post(sample(after))
    await world.forward("30m")
    assert [incident.state for incident in await world.incidents()] == [State.OPEN]
    assert world.sent("resolve") == world.sent("acknowledge") == []


async def test_a_firing_and_its_end_are_one_incident(world: World) -> None:
    await world.open()
    await world.post(sample("alertmanager-firing-single.json"))
    said = (await world.post(sample("alertmanager-resolved.json"))).foremost
    assert said.outcome is Outcome.RESOLVED
    await world.forward("16m")
    assert [incident.state for incident in await world.incidents()] == [State.RESOLVED]
    assert world.pagerduty.open() == []
