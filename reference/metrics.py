"""Generates the page of metrics from the registry."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

from receiver.metrics import Metrics
from reference.table import full, table

INTRODUCTION = """# Metrics

`GET /metrics` is for Prometheus, in the OpenMetrics format if requested. If any token has the scope `metrics`, such a
token is required; otherwise the endpoint is open. Every replica counts its own work: sum over replicas, and take `max`
of values that are read from the store (`receiver_incidents_open`, `receiver_outbox_depth`, `receiver_dead_letters`,
`receiver_overdue_work`, `receiver_review_figure`).

```yaml prometheus.yml
scrape_configs:
  - job_name: receiver
    authorization: {credentials_file: /etc/prometheus/receiver-token}   # omit if no token has the scope
    static_configs: [{targets: ['127.0.0.1:8080']}]
```

What to check first if you are not sure that pages arrive:

```promql
sum by (channel, outcome) (rate(receiver_deliveries_total[5m]))
max(receiver_dead_letters) > 0
max(receiver_overdue_work) > 0
time() - max(receiver_outbox_oldest_timestamp_seconds > 0)
min(receiver_store_up) == 0
histogram_quantile(0.99, sum by (le) (rate(receiver_delivery_lag_seconds_bucket[5m])))
```

No label has unbounded values: there are no incident ids, and no names of alerts other than those of rules. After the
first hundred services, `service` is `other`.

This table is generated from the code (`python -m reference`).
"""


def page() -> str:
    """Return the page."""
    rows = []
    for metric in Metrics().registry.collect():
        rows.append((f"`{_exported(metric)}`", metric.type, _labels(metric), full(metric.documentation)))
    return "\n".join([INTRODUCTION, *table(("metric", "type", "labels", "meaning"), sorted(rows))]) + "\n"


def names() -> set[str]:
    """Return every name that a query may use: with `_total`, `_bucket`, `_sum` and `_count`."""
    found = set[str]()
    for metric in Metrics().registry.collect():
        found |= {_exported(metric), *(sample.name for sample in metric.samples)}
        if metric.type == "histogram":
            found |= {f"{metric.name}_{end}" for end in ("bucket", "sum", "count")}
    return found


def _exported(metric: Metric) -> str:
    return metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")


_NAMED: dict[str, tuple[str, ...]] = {
    name: tuple(getattr(collector, "_labelnames", ()))
    for collector, names in Metrics().registry._collector_to_names.items()
    for name in names
}
"""Labels by name, for metrics that have no series yet."""


def _labels(metric: Metric) -> str:
    labels = ("version",) if metric.type == "info" else _NAMED[metric.name]
    return ", ".join(f"`{label}`" for label in labels) or "-"
