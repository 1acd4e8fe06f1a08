"""The rows about the service: deliveries, noise, decisions, and its own health."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.grafana.panel_builders import CHANNEL, HERE, OWNED, SEVERE, graph

WINDOW = "[$__rate_interval]"


def deliveries() -> Iterator[Any]:
    """Yield the panels about deliveries of pages and messages."""
    good = f'sum by (channel, action) (increase(receiver_deliveries_total{{{CHANNEL}, outcome="ok"}}{WINDOW})) > 0'
    yield graph("Delivered", "Deliveries that vendors accepted.", (good, "{{channel}} {{action}}"), stacked=True)
    bad = f'sum by (channel, outcome) (increase(receiver_deliveries_total{{{CHANNEL}, outcome!="ok"}}{WINDOW})) > 0'
    said = "Failed attempts, by reason. They are retried; pages without limit."
    yield graph("Failed attempts", said, (bad, "{{channel}} {{outcome}}"), stacked=True)
    rest = f"max by (channel) (receiver_circuit_open{{{CHANNEL}}})"
    yield graph(
        "Circuit breaker open", "1: it failed repeatedly, and only pages are still sent.", (rest, "{{channel}}")
    )

    def lag(share: float) -> str:
        buckets = f"sum by (channel, le) (rate(receiver_delivery_lag_seconds_bucket{{{CHANNEL}}}{WINDOW}))"
        return f"histogram_quantile({share}, {buckets})"

    said = "Time from accepted to delivered, including retries and quotas."
    yield graph("Lag", said, (lag(0.5), "{{channel}} median"), (lag(0.95), "{{channel}} p95"), unit="s", limit=30)
    took = f"sum by (channel, le) (rate(receiver_delivery_duration_seconds_bucket{{{CHANNEL}}}{WINDOW}))"
    said = "How long one attempt takes."
    yield graph("Attempt duration", said, (f"histogram_quantile(0.95, {took})", "{{channel}} p95"), unit="s")
    oldest = f"time() - max(receiver_outbox_oldest_timestamp_seconds{{{HERE}}} > 0)"
    said = "How long the oldest pending delivery has been due; below 0: it waits for its next attempt."
    yield graph("Oldest pending delivery", said, (oldest, "due since"), unit="s")


def noise() -> Iterator[Any]:
    """Yield the panels about received alerts and decisions."""
    alerts = f"sum by (status, severity) (rate(receiver_alerts_total{{{OWNED}}}{WINDOW}))"
    yield graph("Alerts", "Alerts received in notifications.", (alerts, "{{severity}} {{status}}"), unit="cps")
    absorbed = f"sum(increase(receiver_duplicates_total{{{HERE}}}{WINDOW}))"
    said = "Notifications that changed nothing, so no one was notified."
    yield graph("Duplicates suppressed", said, (absorbed, "duplicates"), stacked=True)
    hits = f"sum by (rule, severity) (increase(receiver_rule_hits_total{{{SEVERE}}}{WINDOW})) > 0"
    yield graph("Rule hits", "The rule that decided.", (hits, "{{severity}} {{rule}}"), stacked=True)
    unknowns = f"sum by (kind) (increase(receiver_severity_unknowns_total{{{HERE}}}{WINDOW}))"
    said = "Labels and values missing in a decision: `receiver rules unknowns` lists the alert rules to fix."
    yield graph("Missing inputs", said, (unknowns, "{{kind}}"), span=12, stacked=True)
    webhooks = f"sum by (source, outcome) (rate(receiver_webhooks_total{{{HERE}}}{WINDOW}))"
    yield graph("Webhooks", "By outcome.", (webhooks, "{{source}} {{outcome}}"), unit="reqps", span=12)


def health() -> Iterator[Any]:
    """Yield the panels about the service's health."""
    buckets = f"sum by (le) (rate(receiver_webhook_duration_seconds_bucket{{{HERE}}}{WINDOW}))"
    quantiles = [(f"histogram_quantile({share}, {buckets})", name) for share, name in ((0.5, "median"), (0.99, "p99"))]
    said = "Response time of webhooks; their content is durable before the response."
    yield graph("Webhook latency", said, *quantiles, unit="s", limit=1)
    store = f"min by (instance) (receiver_store_up{{{HERE}}})"
    yield graph("Store", "1 while the replica can write.", (store, "{{instance}}"))
    met = f"min by (instance) (receiver_store_durability_met{{{HERE}}})"
    said = "1 while the store provides the configured `redis.durability`."
    yield graph("Durability as configured", said, (met, "{{instance}}"))
    late = f"max(receiver_overdue_work{{{HERE}}})"
    unattended = f"max(receiver_unattended_incidents{{{HERE}}})"
    said = "Work overdue by more than a lease, and incidents whose escalation is overdue: both should be 0."
    yield graph("Overdue", said, (late, "rows"), (unattended, "incidents"))
    unanswered = f"max(receiver_unanswered_incidents{{{HERE}}})"
    said = "Incidents that have paged everyone, and that no one has acknowledged."
    yield graph("Unanswered incidents", said, (unanswered, "incidents"))
    errors = f"sum by (step) (increase(receiver_loop_errors_total{{{HERE}}}{WINDOW})) > 0"
    yield graph("Internal failures", "By the failed step; the log has the reason.", (errors, "{{step}}"), stacked=True)
    loaded = f"min by (instance) (receiver_config_last_reload_successful{{{HERE}}})"
    yield graph("Configuration", "1 while the file on disk is in effect.", (loaded, "{{instance}}"))
