"""All metrics of one replica, in one registry.

No label takes unbounded values: no incident ids, no names from alerts other than the first hundred services.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from receiver.metrics.delivery_metrics import DeliveryMetrics
from receiver.metrics.incident_metrics import IncidentMetrics
from receiver.metrics.notification_metrics import NotificationMetrics
from receiver.metrics.service_metrics import ServiceMetrics
from receiver.metrics.store_metrics import StoreMetrics


class Metrics(NotificationMetrics, IncidentMetrics, DeliveryMetrics, StoreMetrics, ServiceMetrics):
    """Every metric, registered in the given registry; each test has its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register all metrics, and export 0 for known label values: a missing series breaks `rate()`."""
        self.registry = registry or CollectorRegistry()
        NotificationMetrics.__init__(self, self.registry)
        IncidentMetrics.__init__(self, self.registry)
        DeliveryMetrics.__init__(self, self.registry)
        StoreMetrics.__init__(self, self.registry)
        ServiceMetrics.__init__(self, self.registry)
