"""What an incident is called: its alert, and the labels that tell it apart from others of that alert. Pure.

It is chosen when the incident opens, from its own alerts and by a fixed order, so that every replica writes the same
and it never changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.incident.service_name import names_exporter
from receiver.model.alert import Alert
from receiver.model.alert_text import description_of, middle_cut
from receiver.model.severity import Severity

LIMIT = 120
"""Characters of a title."""
MOST = 3
"""Values of labels in it."""
_NAME = 60
"""Characters of an alert's name in it."""
_VALUE = 40
_LEAST = 16
"""Characters that a summary must have room for."""
ORDER: tuple[tuple[str, ...], ...] = (
    ("cluster", "cluster_name", "k8s_cluster", "k8s_cluster_name", "kubernetes_cluster"),
    ("namespace", "exported_namespace", "kubernetes_namespace", "k8s_namespace_name"),
    ("deployment", "statefulset", "daemonset", "cronjob", "job_name", "horizontalpodautoscaler", "poddisruptionbudget",
     "persistentvolumeclaim", "workload", "k8s_deployment_name", "k8s_statefulset_name"),
    ("pod", "exported_pod", "kubernetes_pod_name", "k8s_pod_name"),
    ("app_kubernetes_io_name", "app", "application", "service", "service_name", "exported_service", "component"),
    ("container", "exported_container"),
    ("node", "instance", "host", "hostname", "host_name", "nodename", "target", "exported_instance"),
    ("device", "mountpoint", "persistentvolume", "interface", "chip"),
    ("tenant", "customer", "integration", "database", "datname", "queue", "topic", "consumergroup", "vhost"),
    ("job", "exported_job"),
    ("environment", "env", "stage", "region", "zone", "datacenter", "team"),
)  # fmt: skip
"""Labels that tell one incident of an alert from another, the foremost first; of a row one is taken."""
_ROW = {name: row for row, names in enumerate(ORDER) for name in names}
_FALLBACK = _ROW["job"]
"""From this row on a label is taken only where it groups the alerts, or where nothing else tells."""
_SCRAPED = {"instance", "job", "service", "endpoint", "container", "pod", "namespace", "app"}
"""Labels that say where a sample was scraped."""
_OF_OBJECTS = re.compile(r"kube[-_]state[-_]metrics", re.IGNORECASE)
_NEVER = {"alertname", "severity", "prometheus", "prometheus_replica", "replica", "uid", "endpoint", "metrics_path"}


@dataclass(frozen=True)
class Named:
    """What a title may be made of."""

    alertname: str
    summary: str
    description: str
    values: tuple[str, ...]
    """Those of the labels that tell it apart, at most three."""
    labels: Mapping[str, str]
    """Those that all its alerts share."""
    annotations: Mapping[str, str]
    severity: Severity
    firing: int

    @property
    def title(self) -> str:
        """The title, at most 120 characters."""
        return _title(self)


def named(alert: Alert, alerts: Sequence[Alert], severity: Severity, apart: Mapping[str, str]) -> Named:
    """Return what the title of an incident may be made of.

    Args:
        alert: the one whose severity is that of the incident.
        alerts: all of them that fire.
        severity: the incident's.
        apart: the labels by which alerts are grouped, which no other incident of its kind has alike.
    """
    items = set(alert.labels.items())
    for one in alerts:
        items &= set(one.labels.items())
    shared = dict(sorted(items))
    return Named(
        alert.name,
        " ".join(alert.annotations.get("summary", "").split()),
        " ".join(description_of(alert.annotations).split()),
        telling(shared, apart),
        shared,
        alert.annotations,
        severity,
        len(alerts),
    )


def telling(shared: Mapping[str, str], apart: Mapping[str, str]) -> tuple[str, ...]:
    """Return at most three values of labels that tell an incident apart, in the fixed order."""
    usable = {name: value for name, value in shared.items() if value.strip() and name not in _NEVER}
    objects = any(_OF_OBJECTS.search(value) for name, value in usable.items() if name in _SCRAPED)
    scraped = {name for name, value in usable.items() if name in _SCRAPED and names_exporter(value)}
    if objects:
        # It tells of others: where it was scraped itself says nothing of them.
        scraped |= {"instance", "job", "service", "app"}
    elif scraped:
        # The exporter of a host tells of its host: its own pod and namespace say nothing.
        scraped |= _SCRAPED - {"instance"}
    chosen: list[tuple[int, str]] = []
    grouped = sorted((name for name in usable if name in apart), key=_rank)
    others = sorted((name for name in usable if name not in apart and name not in scraped), key=_rank)
    for name in (*grouped, *others):
        row = _ROW.get(_plain(name), len(ORDER))
        known = {at for at, _ in chosen}
        if len(chosen) == MOST or (name not in apart and (row in known or row == len(ORDER))):
            continue
        if name not in apart and row >= _FALLBACK and chosen:
            continue
        if usable[name] not in [usable[other] for _, other in chosen]:
            chosen.append((row, name))
    return tuple(usable[name] for _, name in sorted(chosen, key=lambda one: _rank(one[1])))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def _rank(name: str) -> tuple[int, int, str]:
    row = _ROW.get(_plain(name), len(ORDER))
    return row, ORDER[row].index(_plain(name)) if row < len(ORDER) else 0, name


def _says(text: str, value: str) -> bool:
    """Return whether `value` stands in `text` as a whole, in any case."""
    return re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text, re.IGNORECASE) is not None


def _title(named: Named) -> str:
    plain = f"{named.alertname}: {named.summary}" if named.summary else named.alertname
    if len(plain) <= LIMIT and all(_says(plain, value) for value in named.values):
        return plain
    head = middle_cut(named.alertname, _NAME)
    values = [" ".join(value.split()) for value in named.values]
    room = (LIMIT - len(head) - 2 - len(values)) // max(1, len(values))
    place = "/".join(middle_cut(value, max(8, min(room, _VALUE))) for value in values)
    head = f"{head}: {place}" if place else head
    joint = " - " if place else ": "
    left = LIMIT - len(head) - len(joint)
    return middle_cut(
        head + joint + middle_cut(named.summary, left) if named.summary and left >= _LEAST else head, LIMIT
    )
