"""Every series that the configuration bounds is there from the start: the first of its kind counts in `rate()`."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.channels.base import REASONS
from receiver.metrics import Metrics
from receiver.model.delivery.notice import Action
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.review.figures import HOUR, MINUTE
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
    "history",
    "figures",
    "store",
)
"""Steps of the work loop and loops beside it that every replica has; those of its clockwork have their own names."""


def create_series(metrics: Metrics, setting: ActiveConfig, steps: Iterable[str]) -> None:
    """Bring the series of `setting` to life and show what it aims at; `steps`: names of the loop's further steps."""
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
            # A cap may make what a rule decides milder.
            if rule.severity is not None and not severity.worse_than(rule.severity):
                metrics.rule_hits.labels(rule.name, severity)
    for severity in Severity:
        metrics.rule_hits.labels(OTHERWISE, severity)


def _people(metrics: Metrics, setting: ActiveConfig) -> None:
    directory = setting.policy.directory
    for severity in Severity:
        for contact in directory.contacts:
            metrics.pages.labels(contact, severity)
        metrics.target.labels("detect", severity).set(5 * MINUTE)
        metrics.target.labels("resolve", severity).set(HOUR)
        asked = directory.severities.get(severity)
        if asked is None:
            continue
        metrics.target.labels("acknowledge", severity).set(asked.respond_within.total_seconds())
        ladder = directory.escalations.get(asked.escalation or "")
        for step in range(len(ladder.steps) if ladder else 0):
            metrics.escalations.labels(severity, str(step + 1))
