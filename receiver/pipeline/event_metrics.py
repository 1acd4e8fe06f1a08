"""Counts the events of a commit in the metrics."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.metrics import Metrics
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident


def count_events(metrics: Metrics, incident: Incident, events: Sequence[Event]) -> None:
    """Count `events`. Drills are not counted."""
    if incident.drill:
        return
    team = metrics.team(incident.team)
    for event in events:
        if event.kind in (Kind.PAGE, Kind.EMERGENCY_PAGED):
            metrics.pages.labels(event.data["page"]["contact"], incident.severity, team).inc()
        elif event.kind is Kind.RESOLVED:
            metrics.resolve.labels(incident.severity).observe((event.at - incident.opened_at).total_seconds())
        elif event.kind is Kind.ACKNOWLEDGED and incident.acknowledged_at == event.at:
            metrics.acknowledge.labels(incident.severity).observe((event.at - incident.opened_at).total_seconds())
        elif event.kind is Kind.ESCALATED:
            metrics.escalations.labels(incident.severity, str(event.data["step"]), team).inc()
        elif event.kind is Kind.RESPONSE_BREACHED:
            metrics.breaches.labels(incident.severity, team).inc()
