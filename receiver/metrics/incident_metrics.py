"""Metrics of incidents: how many, how fast people respond, and the targets that they are compared with."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from receiver.metrics.series import Counter, Histogram
from receiver.model.incident.state import State
from receiver.model.severity import Severity

RESPONSE_BUCKETS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Buckets in seconds for actions of people."""
SERVICES = 100
"""Maximum number of services with their own label value; later ones are `other`, because the name comes from alerts."""
TEAMS = 99
"""Maximum number of teams with their own label value, including the top level (""); later ones are `other`."""


class IncidentMetrics:
    """Counts incidents, pages and escalations, and measures response times."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics, and export 0 for every severity and state."""
        self._services: set[str] = set()
        self._teams: set[str] = {""}
        self.opened = Counter(
            "receiver_incidents_opened", "Incidents opened", ["severity", "service", "team"], registry=registry
        )
        self.openings = Counter(
            "receiver_openings", "Incidents opened, by severity only; every severity is exported from the start",
            ["severity"], registry=registry,
        )  # fmt: skip
        self.open = Gauge("receiver_incidents_open", "Open incidents", ["severity", "state", "team"], registry=registry)
        self.acknowledge = _response_time("acknowledge", "Time from opening to acknowledgement", registry)
        self.resolve = _response_time("resolve", "Time from opening to resolution", registry)
        self.detect = _response_time(
            "detect", "Time from the alert's startsAt to the opening of the incident", registry
        )
        for severity in Severity:
            for state in State:
                self.open.labels(severity, state, "")
            self.openings.labels(severity)
            for histogram in (self.detect, self.acknowledge, self.resolve):
                histogram.labels(severity)
        self._register_escalation(registry)
        self._register_review(registry)

    def _register_escalation(self, registry: CollectorRegistry) -> None:
        self.pages = Counter("receiver_pages", "Pages created", ["contact", "severity", "team"], registry=registry)
        self.escalations = Counter(
            "receiver_escalations", "Escalation steps taken", ["severity", "step", "team"], registry=registry
        )
        self.breaches = Counter(
            "receiver_response_breaches", "Pages not acknowledged in time", ["severity", "team"], registry=registry
        )
        self.unattended = Gauge(
            "receiver_unattended_incidents", "Open incidents whose escalation is overdue", registry=registry
        )
        self.unanswered = Gauge(
            "receiver_unanswered_incidents", "Open incidents for which everyone was paged and no one responded",
            registry=registry,
        )  # fmt: skip
        for severity in Severity:
            self.breaches.labels(severity, "")

    def _register_review(self, registry: CollectorRegistry) -> None:
        self.figure = Gauge(
            "receiver_review_figure", "This month's figures (seconds, counts, ratios)", ["metric"], registry=registry
        )
        self.target_met = Gauge(
            "receiver_review_target_met", "1 if this month's figure meets its target", ["metric"], registry=registry
        )
        self.target = Gauge(
            "receiver_target_seconds", "Target time of the phase", ["phase", "severity"], registry=registry
        )

    @property
    def teams(self) -> tuple[str, ...]:
        """The values that the `team` label has had so far."""
        return tuple(self._teams)

    def service(self, name: str | None) -> str:
        """Return the value of the `service` label: the name, `none`, or `other` after the first 100."""
        if name is None:
            return "none"
        if name not in self._services and len(self._services) >= SERVICES:
            return "other"
        self._services.add(name)
        return name[:100]

    def team(self, name: str) -> str:
        """Return the value of the `team` label: the name, or `other` after the first 99."""
        if name not in self._teams and len(self._teams) >= TEAMS:
            name = "other"
        self._teams.add(name)
        return name

    def opening(self, severity: Severity, service: str | None, team: str = "") -> None:
        """Count an incident that has opened."""
        self.opened.labels(severity, self.service(service), self.team(team)).inc()
        self.openings.labels(severity).inc()


def _response_time(name: str, text: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(
        f"receiver_incident_{name}_seconds", text, ["severity"], buckets=RESPONSE_BUCKETS, registry=registry
    )
