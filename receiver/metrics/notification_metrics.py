"""Metrics of notifications: webhooks, alerts, and severity decisions."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from receiver.metrics.series import HTTP_BUCKETS, Counter, Histogram, start_at_zero
from receiver.model.alert.severity_unknowns import KINDS
from receiver.model.severity import Severity

WEBHOOKS = {
    "alertmanager": ("opened", "updated", "duplicate", "resolved", "reopened", "ignored"),
    "pagerduty": ("updated", "duplicate", "ignored"),
    "slack": ("updated", "ignored", "late"),
}
"""Possible outcomes of an accepted request, by source."""
NOT_ACCEPTED = ("refused", "unauthorized", "unavailable", "overloaded", "error")
"""Reasons why a request from any source was not accepted."""


class NotificationMetrics:
    """Counts notifications by their outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics, and export 0 for every known outcome."""
        self.webhooks = Counter("receiver_webhooks", "Webhooks by outcome", ["source", "outcome"], registry=registry)
        self.webhook_duration = Histogram(
            "receiver_webhook_duration_seconds", "Time to respond to a webhook", buckets=HTTP_BUCKETS, registry=registry
        )
        self.alerts = Counter("receiver_alerts", "Alerts received", ["status", "severity", "team"], registry=registry)
        self.rule_hits = Counter(
            "receiver_rule_hits",
            "Alerts by the rule that determined their severity",
            ["rule", "severity"],
            registry=registry,
        )
        self.duplicates = Counter("receiver_duplicates", "Notifications that changed nothing", registry=registry)
        self.resolves_ignored = Counter(
            "receiver_resolves_ignored", "Resolved alerts ignored: the sender may not resolve them", ["sender"],
            registry=registry,
        )  # fmt: skip
        self.unknowns = Counter(
            "receiver_severity_unknowns", "Labels and values missing when a severity was determined", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.watchdog = Gauge(
            "receiver_watchdog_last_seen_timestamp_seconds", "When Alertmanager's last heartbeat arrived",
            registry=registry,
        )  # fmt: skip
        self.silent_after = Gauge(
            "receiver_watchdog_silent_after_seconds", "How long the heartbeat may be missing; 0: not monitored",
            registry=registry,
        )  # fmt: skip
        for source, outcomes in WEBHOOKS.items():
            for outcome in (*outcomes, *NOT_ACCEPTED):
                self.webhooks.labels(source, outcome)
        for severity in Severity:
            for status in ("firing", "resolved"):
                self.alerts.labels(status, severity, "")
        start_at_zero(self.unknowns, KINDS)
