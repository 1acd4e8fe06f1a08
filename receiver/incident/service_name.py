"""The service of an incident: the first label of `incidents.service_from` that names one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

SERVICE_FROM = (
    "service", "app.kubernetes.io/name", "app", "deployment", "statefulset", "daemonset", "job_name", "namespace",
)  # fmt: skip
"""The default of `incidents.service_from`."""
_EXPORTER = re.compile(
    r"(?:.*[-_./])?(?:kube[-_]state[-_]metrics|(?:\w+[-_])?exporter|blackbox|cadvisor|pushgateway)(?:[-_./].*)?",
    re.IGNORECASE | re.DOTALL,
)


def names_exporter(value: str) -> bool:
    """Return whether a label's value names an exporter, also as a part of the value: `x-kube-state-metrics`."""
    return _EXPORTER.fullmatch(value) is not None


def service_of(labels: Mapping[str, str], names: Sequence[str] = SERVICE_FROM) -> str | None:
    """Return the value of the first of `names` that `labels` has and that is not an exporter; None if there is none."""
    values = (labels.get(name, "").strip() for name in names)
    return next((value for value in values if value and not names_exporter(value)), None)
