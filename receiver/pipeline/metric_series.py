"""Exports every series that the configuration limits from the start, so that `rate()` sees the first increase."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.channels.base import REASONS
from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.metrics import Metrics
from receiver.model.delivery.notice import Action
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.review.response_statistics import HOUR, MINUTE
from receiver.triage.rules.rule_set import OTHERWISE

OUTCOMES = ("ok", *sorted(REASONS))
"""How an attempt to deliver may end."""
STEPS = (
    "beat",
    "load",
    "adopt",
    "timers",
    "fetch",
    "deliver",
    "tend",
    "emergency",
    "web",
    "loop",
    "audit",
    "unknowns",
    "hits",
    "history",
    "figures",
    "store",
)
"""Steps of the work loop and of the other loops of every replica; timers are added by name."""


def create_series(metrics: Metrics, setting: ActiveConfig, steps: Iterable[str]) -> None:
    """Create the series of `setting` and export its targets; `steps`: names of further steps."""
    for step in (*STEPS, *steps):
        metrics.loop_errors.labels(step)
    _channels(metrics, setting)
    _rules(metrics, setting)
    _people(metrics, setting)
    watched = setting.silent_after
    metrics.silent_after.set(watched.total_seconds() if watched else 0)


def _channels(metrics: Metrics, setting: ActiveConfig) -> None:
    for name, channel in setting.channels.items():
        for action in Action:
            if channel.able(action):
                for outcome in OUTCOMES:
                    metrics.deliveries.labels(name, action, outcome)
        metrics.delivery_duration.labels(name)
        metrics.lag.labels(name)
        metrics.circuit.labels(name)
    metrics.rest_ends(set(setting.channels))


def _rules(metrics: Metrics, setting: ActiveConfig) -> None:
    for rule in setting.rules.settings.rules:
        for severity in Severity:
            # A cap may lower the severity of a rule.
            if rule.severity is not None and not severity.worse_than(rule.severity):
                metrics.rule_hits.labels(rule.name, severity)
    for severity in Severity:
        metrics.rule_hits.labels(OTHERWISE, severity)


def _people(metrics: Metrics, setting: ActiveConfig) -> None:
    directory = setting.policy.directory
    for severity in Severity:
        metrics.target.labels("detect", severity).set(5 * MINUTE)
        metrics.target.labels("resolve", severity).set(HOUR)
        asked = directory.severities.get(severity)
        if asked is not None:
            metrics.target.labels("acknowledge", severity).set(asked.respond_within.total_seconds())
    for name in ("", *setting.owners.names):
        _team(metrics, name, setting.policy.for_team(name).directory)


def _team(metrics: Metrics, name: str, directory: ContactDirectory) -> None:
    team = metrics.team(name)
    for severity in Severity:
        for status in ("firing", "resolved"):
            metrics.alerts.labels(status, severity, team)
        for state in State:
            metrics.open.labels(severity, state, team)
        metrics.breaches.labels(severity, team)
        asked = directory.severities.get(severity)
        # Only series of a team's own contacts: with 200 teams there would be too many others.
        for contact in _paged(directory, severity) if name else directory.contacts:
            metrics.pages.labels(contact, severity, team)
        ladder = directory.escalations.get(asked.escalation or "") if asked else None
        for step in range(len(ladder.steps) if ladder else 0):
            metrics.escalations.labels(severity, str(step + 1), team)


def _paged(directory: ContactDirectory, severity: Severity) -> Iterable[str]:
    escalation = directory.escalation(severity) if severity in directory.severities else None
    steps = escalation.steps if escalation else ()
    return dict.fromkeys((*directory.severity(severity).page, *(contact for step in steps for contact in step.page)))
