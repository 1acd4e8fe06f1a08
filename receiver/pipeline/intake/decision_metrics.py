"""Counts a decision about a part of a notification in the metrics."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import structlog

from receiver.incident.log.alert_membership import FOREIGN
from receiver.incident.log.notification_outcome import IntakeDecision, NotificationPart, Outcome
from receiver.metrics import Metrics
from receiver.model.incident.incident import Incident
from receiver.pipeline.event_metrics import count_events

log = structlog.get_logger("receiver.intake")


def count_decision(
    metrics: Metrics, verdict: IntakeDecision, part: NotificationPart, now: datetime, written: Incident | None
) -> None:
    """Count the alerts of `part` and their outcome; `written`: the committed incident."""
    incident = verdict.incident
    team = metrics.team(part.team)
    # Summed up first, because looking up a metric's child takes a lock, which cost 4 us per alert.
    for (rule, severity), count in Counter((one.rule, one.severity) for one in part.decisions.values()).items():
        metrics.alerts.labels("firing", severity, team).inc(count)
        metrics.rule_hits.labels(rule, severity).inc(count)
    for one in part.unknowns:
        metrics.unknowns.labels(one.kind).inc()
    if verdict.ignored:
        metrics.resolves_ignored.labels(part.sender.name).inc(verdict.ignored)
        log.warning(
            "resolve_ignored", reason=FOREIGN, sender=part.sender.name, alerts=verdict.ignored,
            incident=written.id if written else None,
        )  # fmt: skip
    if incident is None:
        return
    if ended := sum(not alert.firing for alert in part.alerts):
        metrics.alerts.labels("resolved", incident.severity, team).inc(ended)
    if verdict.outcome is Outcome.OPENED:
        metrics.opening(incident.severity, None if incident.private else incident.service, incident.team)
        if not incident.estimated:
            late = (now - incident.started_at).total_seconds()
            metrics.detect.labels(incident.severity).observe(max(0.0, late))
    count_events(metrics, incident, verdict.events)
