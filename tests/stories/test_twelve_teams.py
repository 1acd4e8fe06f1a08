"""The twelve teams of config/examples/teams, minute by minute: who is paged for each team's SEV-1 to SEV-4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from receiver.active_config_builder import build_active_config, make_channels
from receiver.channels.base import Http
from receiver.config import Config, check_files, load
from receiver.incident.alerts.notification_decision import on_notification
from receiver.incident.log.notification_outcome import KeyState
from receiver.incident.whatif.escalation_forecast import forecast
from receiver.model.alert.alert import parse_notification
from receiver.model.incident.policy_snapshot import ContactMethod
from receiver.model.severity import Decision, Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.notification_parts import judged
from receiver.triage.team_ownership import Owners
from tests.stories.world import alert, notification

HOME = Path(__file__).parents[2] / "config" / "examples" / "teams"
GOLDEN = Path(__file__).parents[1] / "golden" / "twelve-teams.txt"
NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)
LABELS: dict[str, dict[str, str]] = {
    "checkout": {"namespace": "cart"},
    "data": {"namespace": "kafka"},
    "databases": {"namespace": "postgres"},
    "frontend": {"namespace": "web"},
    "identity": {"namespace": "vault"},
    "mobile": {"namespace": "push"},
    "networking": {"namespace": "ingress-nginx"},
    "observability": {"namespace": "monitoring", "job": "prometheus-k8s"},
    "payments": {"namespace": "billing"},
    "platform": {"namespace": "monitoring", "job": "node-exporter"},
    "search": {"namespace": "elasticsearch"},
    "storage": {"namespace": "billing", "alertname": "KubePersistentVolumeFillingUp"},
    "": {"namespace": "sandbox"},
}


@cache
def configured() -> tuple[Config, ActiveConfig]:
    config = load(HOME / "receiver.yaml", {})
    return config, build_active_config(config, make_channels(config, Http()))


def labelled(team: str) -> dict[str, Any]:
    labels = dict(LABELS[team])
    return alert(labels.pop("alertname", "Bad"), labels={**labels, "service": "x"})


def story(team: str, severity: Severity) -> Iterable[str]:
    """Return who is paged when, if nobody answers."""
    _, setting = configured()
    (part,) = judged(parse_notification(notification(labelled(team))), setting)
    assert part.team == team
    decided = Decision(severity=severity, rule="test", reasons=())
    part = replace(part, decisions=dict.fromkeys(part.decisions, decided))
    verdict = on_notification(part, KeyState("", None, {}, {}, {}), setting.policy, "uid", NOW)
    assert verdict.incident is not None
    for call in forecast(verdict.incident, tuple(verdict.events), setting.policy.of(verdict.incident)):
        way = "page" if call.way is ContactMethod.PAGE else "tell"
        yield f"{call.minute:4g} min  {way} {call.person}"


def told(team: str) -> list[str]:
    lines = [f"{team or '(top level)'}"]
    for severity in Severity:
        calls = list(story(team, severity)) or ["   nobody: it waits in the queue"]
        lines += [f"  {severity}", *(f"    {call}" for call in calls)]
    return lines


def test_they_are_a_good_configuration() -> None:
    files = [HOME / "receiver.yaml", *sorted((HOME / "teams").iterdir()), HOME / "alertmanager.yml"]
    problems, notes = check_files(files, {}, now=NOW)
    assert problems == []
    assert sorted({note.message.partition(":")[0] for note in notes}) == [
        "alerts with different names but the same namespace form one group", "off",
    ]  # fmt: skip
    assert len(configured()[0].teams) == 12


@pytest.mark.parametrize("team", list(LABELS))
def test_each_severity_of_each_team_minute_by_minute(team: str) -> None:
    golden = GOLDEN.read_text().split("\n\n")
    expected = next(text for text in golden if text.partition("\n")[0] == (team or "(top level)"))
    assert "\n".join(told(team)) == expected.rstrip("\n")


@pytest.mark.parametrize("team", list(LABELS))
def test_nobody_of_another_team_is_called(team: str) -> None:
    config, _ = configured()
    leaders = {"director", "cto", "deputy", "duty-manager"}
    own = set()
    if team:
        given = config.teams[team]
        own = {person for schedule in given.schedules.values() for person in schedule.everybody}
        own |= {contact.person for contact in given.contacts.values() if contact.person}
    called = {line.split()[-1] for severity in Severity for line in story(team, severity)}
    assert called <= own | leaders


@pytest.mark.parametrize("team", list(LABELS))
def test_the_reason_is_told(team: str) -> None:
    config, _ = configured()
    owner = Owners(config.teams).owner(labelled(team)["labels"])
    assert owner.team == team
    assert (f"team {team}: " in owner.why) if team else ("no team" in owner.why)


if __name__ == "__main__":
    GOLDEN.write_text("\n\n".join("\n".join(told(team)) for team in LABELS) + "\n")
