"""The service's own metrics (surfaces.md, Metrics). No label takes unbounded values: no ids, no names out of alerts."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from receiver import __version__
from receiver.model.alert.severity_unknowns import KINDS
from receiver.model.incident.incident import State
from receiver.model.severity import Severity

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
HUMAN_BUCKETS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 300, 900, 3600)
WEBHOOKS = {
    "alertmanager": ("opened", "updated", "duplicate", "resolved", "reopened", "ignored"),
    "pagerduty": ("updated", "duplicate", "ignored"),
    "slack": ("updated", "ignored", "late"),
}
"""What may become of what each source sends."""
TURNED_AWAY = ("refused", "unauthorized", "unavailable", "overloaded", "error")
"""Why it was not taken, whoever sent it."""
SERVICES = 100
"""So many services get a label of their own; later ones are `other`: the label comes out of alerts."""


class Metrics:
    """Every metric, registered at the registry that is given: a test has its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register everything, and export 0 for what is known at the start: a missing series breaks `rate()`."""
        self.registry = registry or CollectorRegistry()
        r = self.registry
        self.webhooks = Counter(
            "receiver_webhooks", "Webhooks by what became of them", ["source", "outcome"], registry=r
        )
        self.webhook_duration = Histogram(
            "receiver_webhook_duration_seconds", "Time to answer a webhook", buckets=HTTP_BUCKETS, registry=r
        )
        self.alerts = Counter("receiver_alerts", "Alerts received", ["status", "severity"], registry=r)
        self.rule_hits = Counter(
            "receiver_rule_hits", "Alerts by the rule that decided", ["rule", "severity"], registry=r
        )
        self.opened = Counter("receiver_incidents_opened", "Incidents opened", ["severity", "service"], registry=r)
        self.openings = Counter(
            "receiver_openings", "Incidents opened, by severity alone: there from the start", ["severity"], registry=r
        )
        self.open = Gauge("receiver_incidents_open", "Incidents that are not over", ["severity", "state"], registry=r)
        self.acknowledge = self._human("acknowledge", "From opened to acknowledged")
        self.resolve = self._human("resolve", "From opened to resolved")
        self.detect = self._human("detect", "From startsAt to opened")
        self.duplicates = Counter("receiver_duplicates", "Notifications that said nothing new", registry=r)
        self.deliveries = Counter(
            "receiver_deliveries", "Attempts to deliver", ["channel", "action", "outcome"], registry=r
        )
        self.delivery_duration = Histogram(
            "receiver_delivery_duration_seconds", "Time of one attempt", ["channel"], buckets=HTTP_BUCKETS, registry=r
        )
        self.lag = Histogram(
            "receiver_delivery_lag_seconds", "From accepted to delivered", ["channel"], buckets=LAG_BUCKETS, registry=r
        )
        self.depth = Gauge("receiver_outbox_depth", "Deliveries that are owed", registry=r)
        self.oldest = Gauge(
            "receiver_outbox_oldest_timestamp_seconds", "When the oldest owed delivery is due", registry=r
        )
        self.dead = Gauge("receiver_dead_letters", "Deliveries that gave up", registry=r)
        self.pages = Counter("receiver_pages", "Pages decided", ["contact", "severity"], registry=r)
        self.escalations = Counter("receiver_escalations", "Escalation steps taken", ["severity", "step"], registry=r)
        self.breaches = Counter(
            "receiver_response_breaches", "Pages not acknowledged in time", ["severity"], registry=r
        )
        self.short_tokens = Gauge(
            "receiver_short_tokens", "Tokens that can be guessed, where others reach the service", registry=r
        )
        self.circuit = Gauge("receiver_circuit_open", "1 while a channel is given a rest", ["channel"], registry=r)
        self.watchdog = Gauge(
            "receiver_watchdog_last_seen_timestamp_seconds", "Last heartbeat of Alertmanager", registry=r
        )
        self.silent_after = Gauge(
            "receiver_watchdog_silent_after_seconds", "How long the heartbeat may stay away; 0: not watched", registry=r
        )
        self.reload_good = Gauge("receiver_config_last_reload_successful", "1 when the last load was good", registry=r)
        self.reload_at = Gauge("receiver_config_last_reload_timestamp_seconds", "When it was loaded", registry=r)
        self.store_up = Gauge("receiver_store_up", "1 while the store answers", registry=r)
        self.durability = Gauge(
            "receiver_store_durability_info", "What an answer with 2xx means", ["level"], registry=r
        )
        self.durability_met = Gauge(
            "receiver_store_durability_met", "1 while the store promises what redis.durability asks for", registry=r
        )
        self.store_warnings = Gauge(
            "receiver_store_warnings", "1 while people are warned of something in the store", ["kind"], registry=r
        )
        self.unknowns = Counter(
            "receiver_severity_unknowns", "What a severity was decided without", ["kind"], registry=r
        )
        self.overdue = Gauge("receiver_overdue_work", "Due rows that are later than a lease", registry=r)
        self.overdue_oldest = Gauge(
            "receiver_overdue_oldest_timestamp_seconds", "When the oldest overdue row was due; 0: none", registry=r
        )
        self.unattended = Gauge("receiver_unattended_incidents", "Open incidents whose escalation is late", registry=r)
        self.unanswered = Gauge(
            "receiver_unanswered_incidents", "Open incidents of which everybody was called in vain", registry=r
        )
        self.figure = Gauge(
            "receiver_review_figure", "This month's figures (seconds, counts, ratios)", ["metric"], registry=r
        )
        self.target_met = Gauge(
            "receiver_review_target_met", "1 where this month's figure meets its target", ["metric"], registry=r
        )
        self.target = Gauge("receiver_target_seconds", "Within how long it is to be", ["phase", "severity"], registry=r)
        self.service_info = Gauge(
            "receiver_service_info",
            "Whom it serves, and where its console is",
            ["name", "environment", "url"],
            registry=r,
        )
        self.cut_off = Counter(
            "receiver_connections_cut_off",
            "Connections that were ended: `crowded` for another one, `unread` as their answer was not read",
            ["listener", "reason"],
            registry=r,
        )
        self.rejected = Counter(
            "receiver_requests_rejected", "Requests that are not HTTP/1.1, by what is wrong", ["reason"], registry=r
        )
        self.loop_errors = Counter("receiver_loop_errors", "Steps of the work loop that failed", ["step"], registry=r)
        self.worker_restarts = Counter(
            "receiver_worker_restarts", "Tasks that ended unasked and were restarted", ["task"], registry=r
        )
        self.emergency_pages = Counter(
            "receiver_emergency_pages", "Attempts at pages that are sent without the store", ["outcome"], registry=r
        )
        Info("receiver_build", "This build", registry=r).info({"version": __version__})
        self._services: set[str] = set()
        self._channels: set[str] = set()
        for severity in Severity:
            for state in State:
                self.open.labels(severity, state)
            for status in ("firing", "resolved"):
                self.alerts.labels(status, severity)
            self.breaches.labels(severity)
            self.openings.labels(severity)
            for human in (self.detect, self.acknowledge, self.resolve):
                human.labels(severity)
        for source, outcomes in WEBHOOKS.items():
            for outcome in (*outcomes, *TURNED_AWAY):
                self.webhooks.labels(source, outcome)
        for outcome in ("accepted", "failed", "stuck"):
            self.emergency_pages.labels(outcome)
        for kind in KINDS:
            self.unknowns.labels(kind)

    def _human(self, name: str, text: str) -> Histogram:
        return Histogram(
            f"receiver_incident_{name}_seconds", text, ["severity"], buckets=HUMAN_BUCKETS, registry=self.registry
        )

    def service(self, name: str | None) -> str:
        """Return the value that the `service` label may take: the name, `none`, or `other` beyond the first 100."""
        if name is None:
            return "none"
        if name not in self._services and len(self._services) >= SERVICES:
            return "other"
        self._services.add(name)
        return name[:100]

    def opening(self, severity: Severity, service: str | None) -> None:
        """Count an incident that has opened."""
        self.opened.labels(severity, self.service(service)).inc()
        self.openings.labels(severity).inc()

    def durable(self, level: str, *, met: bool) -> None:
        """Say which level of durability the store gives, and whether it is the one that was asked for."""
        self.durability.clear()
        self.durability.labels(level).set(1)
        self.durability_met.set(int(met))

    def warned(self, kinds: Mapping[str, bool]) -> None:
        """Say what people are warned about in the store, by kind."""
        for kind, found in kinds.items():
            self.store_warnings.labels(kind).set(int(found))

    def serves(self, name: str, environment: str, url: str) -> None:
        """Say whom the service serves, and where people reach its console."""
        self.service_info.clear()
        self.service_info.labels(name, environment, url).set(1)

    def rest_ends(self, channels: set[str]) -> None:
        """Take over which channels there are: one that is gone is not at rest."""
        for name in self._channels - channels:
            self.circuit.remove(name)
        self._channels = channels
