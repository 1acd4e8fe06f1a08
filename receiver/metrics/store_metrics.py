"""Metrics of the store: whether it responds, how durable it is, and what it has lost."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from receiver.metrics.series import Counter, start_at_zero


class StoreMetrics:
    """Shows the state of the store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self.store_up = Gauge("receiver_store_up", "1 while the store responds", registry=registry)
        self.durability = Gauge(
            "receiver_store_durability_info", "How durable a write is when a 2xx is returned", ["level"],
            registry=registry,
        )  # fmt: skip
        self.durability_met = Gauge(
            "receiver_store_durability_met", "1 while the store provides the configured redis.durability",
            registry=registry,
        )  # fmt: skip
        self.store_warnings = Gauge(
            "receiver_store_warnings", "1 while a warning about the store is active", ["kind"], registry=registry
        )
        self.store_losses = Counter(
            "receiver_store_losses", "Times this replica noticed that the store had lost accepted data",
            registry=registry,
        )  # fmt: skip
        self.lost_incidents = Counter(
            "receiver_store_lost_incidents",
            "Incidents that the store had lost: `written_back` from a replica, or `lost` until their alerts are sent "
            "again",
            ["outcome"],
            registry=registry,
        )
        start_at_zero(self.lost_incidents, ("written_back", "lost"))

    def durable(self, level: str, *, met: bool) -> None:
        """Show the level of durability that the store provides, and whether it is the configured one."""
        self.durability.clear()
        self.durability.labels(level).set(1)
        self.durability_met.set(int(met))

    def warned(self, kinds: Mapping[str, bool]) -> None:
        """Show for each kind of warning about the store whether it is active."""
        for kind, found in kinds.items():
            self.store_warnings.labels(kind).set(int(found))
