"""Metrics of deliveries: attempts, the outbox, circuit breakers, emergency pages, and mail to subscribers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from receiver.metrics.series import HTTP_BUCKETS, Counter, Histogram, start_at_zero

LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 300, 900, 3600)
"""Buckets in seconds from acceptance to delivery."""
SUBSCRIBER_MAILS = ("sent", "retried", "refused", "stopped", "dropped", "unreachable")
"""Possible outcomes of a mail to a subscriber; stopped: its address gets no further mail."""


class DeliveryMetrics:
    """Counts delivery attempts, and shows what is pending."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._channels: set[str] = set()
        self.deliveries = Counter(
            "receiver_deliveries", "Delivery attempts", ["channel", "action", "outcome"], registry=registry
        )
        self.delivery_duration = Histogram(
            "receiver_delivery_duration_seconds", "Duration of one delivery attempt", ["channel"],
            buckets=HTTP_BUCKETS, registry=registry,
        )  # fmt: skip
        self.lag = Histogram(
            "receiver_delivery_lag_seconds", "Time from acceptance to delivery", ["channel"],
            buckets=LAG_BUCKETS, registry=registry,
        )  # fmt: skip
        self.depth = Gauge("receiver_outbox_depth", "Pending deliveries", registry=registry)
        self.oldest = Gauge(
            "receiver_outbox_oldest_timestamp_seconds", "When the oldest pending delivery is due", registry=registry
        )
        self.dead = Gauge("receiver_dead_letters", "Deliveries that failed permanently", registry=registry)
        self.overdue = Gauge("receiver_overdue_work", "Rows overdue by more than a lease", registry=registry)
        self.overdue_oldest = Gauge(
            "receiver_overdue_oldest_timestamp_seconds", "When the oldest overdue row was due; 0: none",
            registry=registry,
        )  # fmt: skip
        self.circuit = Gauge(
            "receiver_circuit_open", "1 while the channel's circuit breaker is open", ["channel"], registry=registry
        )
        self.emergency_pages = Counter(
            "receiver_emergency_pages", "Attempts to page without the store", ["outcome"], registry=registry
        )
        start_at_zero(self.emergency_pages, ("accepted", "failed", "stuck"))
        self._register_subscriber_mail(registry)

    def _register_subscriber_mail(self, registry: CollectorRegistry) -> None:
        self.subscribers = Gauge(
            "receiver_status_subscribers", "Addresses subscribed to the status page", ["state"], registry=registry
        )
        self.subscriber_mails = Counter(
            "receiver_subscriber_mails", "Emails to subscribers of the status page", ["outcome"], registry=registry
        )
        self.subscriber_queue = Gauge(
            "receiver_subscriber_mail_depth", "Pending emails to subscribers", registry=registry
        )
        start_at_zero(self.subscriber_mails, SUBSCRIBER_MAILS)

    def rest_ends(self, channels: set[str]) -> None:
        """Remove the circuit breakers of channels that are no longer among `channels`, those configured now."""
        for name in self._channels - channels:
            self.circuit.remove(name)
        self._channels = channels
