"""The title of an incident: its alert, and the labels that distinguish it from others of that alert. Pure.

The title is chosen when the incident opens, from its own alerts in a fixed order, so that every replica writes the same
title and it never changes. If three values cannot distinguish its group of alerts from every other group, a mark
follows: seven digits of a hash of the grouping labels.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from receiver.incident.service_name import names_exporter
from receiver.model.alert.alert import Alert
from receiver.model.alert.annotations import description_of, middle_cut
from receiver.model.severity import Severity

LIMIT = 120
"""Maximum number of characters of a title."""
MOST = 3
"""Maximum number of label values in a title."""
_NAME = 60
"""Maximum number of characters of an alert's name in a title."""
_VALUE = 63
"""Maximum number of characters of a value in a title: as many as Kubernetes allows for most names."""
_LEAST = 16
"""Minimum number of characters for a summary."""
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
"""Labels that distinguish incidents of one alert, in order of preference; one label of each row is used."""
_ROW = {name: row for row, names in enumerate(ORDER) for name in names}
_FALLBACK = _ROW["job"]
"""From this row on, labels are used only if they group the alerts, or if nothing else distinguishes them."""
_SCRAPED = {"instance", "job", "service", "endpoint", "container", "pod", "namespace", "app"}
"""Labels that say where a sample was scraped."""
_OF_OBJECTS = re.compile(r"kube[-_]state[-_]metrics", re.IGNORECASE)
_compact = json.JSONEncoder(separators=(",", ":")).encode
_NEVER = {"alertname", "severity", "prometheus", "prometheus_replica", "replica", "uid", "endpoint", "metrics_path"}


@dataclass(frozen=True)
class Named:
    """The parts of a title."""

    alertname: str
    summary: str
    description: str
    values: tuple[str, ...]
    """Values of the labels that distinguish it, at most three."""
    labels: Mapping[str, str]
    """Labels that all its alerts share."""
    annotations: Mapping[str, str]
    severity: Severity
    firing: int
    mark: str = ""
    """Seven hexadecimal digits that differ for each group of alerts."""
    grouped: bool = False
    """Whether alerts are grouped by labels other than their name."""
    whole: bool = True
    """Whether the values are all of the labels that the alerts are grouped by."""

    @property
    def title(self) -> str:
        """The title, at most 120 characters."""
        return _title(self)


def named(
    alert: Alert, alerts: Sequence[Alert], severity: Severity, apart: Mapping[str, str], receiver: str = ""
) -> Named:
    """Return the parts of the title of an incident.

    Args:
        alert: the alert that determines the incident's severity.
        alerts: all firing alerts.
        severity: the incident's.
        apart: the labels by which alerts are grouped, which distinguish the incident from others of the same alert.
        receiver: Alertmanager's receiver. Another receiver may group other alerts by the same values; then only the
        mark differs.
    """
    items = set(alert.labels.items())
    for one in alerts:
        items.intersection_update(one.labels.items())
    shared = dict(sorted(items))
    grouped = _grouped(shared, apart)
    told = {name: value for name, value in apart.items() if name != "alertname"}
    return Named(
        alert.name,
        " ".join(alert.annotations.get("summary", "").split()),
        " ".join(description_of(alert.annotations).split()),
        telling(shared, apart),
        shared,
        alert.annotations,
        severity,
        len(alerts),
        _mark({"alertname": alert.name, **(apart or shared)}, receiver),
        bool(grouped),
        len(grouped) <= MOST and all(value.strip() and shared.get(name) == value for name, value in told.items()),
    )


def telling(shared: Mapping[str, str], apart: Mapping[str, str]) -> tuple[str, ...]:
    """Return at most three values of labels that distinguish an incident, in the fixed order.

    Labels that the alerts are grouped by come first. Of more than three, a value that is only the beginning of another
    (`api` beside `api-7f9c`) and labels that only say where a sample was scraped are left out first.
    """
    scraped = _scraped(shared)
    grouped = _grouped(shared, apart)
    chosen = grouped
    if len(grouped) > MOST:
        values = [shared[name] for name in grouped]
        useful = [name for name in grouped if name not in scraped and not _begins(shared[name], values)]
        first: dict[str, str] = {}
        for name in useful or grouped:
            first.setdefault(shared[name], name)
        chosen = list(first.values())[:MOST]
    rows = {_row(name) for name in chosen}
    for name in sorted(shared, key=_rank):
        row = _row(name)
        if len(chosen) == MOST or row == len(ORDER) or row in rows:
            continue
        if row >= _FALLBACK and any(one in apart or _row(one) < _FALLBACK for one in chosen):
            continue
        if name in apart or name in scraped or name in _NEVER or not shared[name].strip():
            continue
        if shared[name] not in [shared[other] for other in chosen]:
            chosen.append(name)
            rows.add(row)
    return tuple(shared[name] for name in sorted(chosen, key=_rank))


def _grouped(shared: Mapping[str, str], apart: Mapping[str, str]) -> list[str]:
    """Return the labels whose values contain all of `apart` except the name, in the fixed order."""
    names = sorted((name for name in apart if name != "alertname" and shared.get(name, "").strip()), key=_rank)
    while len(names) > 1 and shared[names[-1]] == shared[names[-2]]:
        # Only at the end: `a/a/b` and `a/b/b` would be the same otherwise.
        names.pop()
    return names


def _scraped(shared: Mapping[str, str]) -> set[str]:
    """Return the labels that only say where a sample was scraped."""
    texts = {name: shared[name] for name in _SCRAPED if name in shared}
    if any(_OF_OBJECTS.search(value) for value in texts.values()):
        # It reports on other objects, so its own scrape target says nothing about them.
        return {name for name, value in texts.items() if names_exporter(value)} | {"instance", "job", "service", "app"}
    if any(names_exporter(value) for value in texts.values()):
        # The exporter of a host reports on the host; its own pod and namespace say nothing.
        return {name for name, value in texts.items() if names_exporter(value)} | (_SCRAPED - {"instance"})
    return set()


def _begins(value: str, values: Sequence[str]) -> bool:
    """Return whether another of `values` begins with `value`."""
    return any(other.startswith(value) and other[len(value)] in "-_.:/@" for other in values if other != value)


def _mark(labels: Mapping[str, str], receiver: str) -> str:
    grouped = [receiver, *sorted(labels.items())] if receiver else sorted(labels.items())
    return hashlib.sha256(_compact(grouped).encode()).hexdigest()[:7]


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    # Cached, because there are few label names, and each is checked several times per opened incident.
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


@lru_cache(maxsize=1024)
def _row(name: str) -> int:
    return _ROW.get(_plain(name), len(ORDER))


@lru_cache(maxsize=1024)
def _rank(name: str) -> tuple[bool, int, int, str]:
    row = _row(name)
    return name in _NEVER, row, ORDER[row].index(_plain(name)) if row < len(ORDER) else 0, name


def _says(text: str, value: str) -> bool:
    """Return whether `text` contains `value` as a whole word, in any case."""
    return re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text, re.IGNORECASE) is not None


def _title(named: Named) -> str:
    name = " ".join(named.alertname.split()) or "unnamed alert"
    plain = f"{name}: {named.summary}" if named.summary else name
    # A constant summary may contain the words by chance, so grouping labels are always named.
    if not named.grouped and named.whole and len(plain) <= LIMIT and all(_says(plain, one) for one in named.values):
        return plain
    values = [" ".join(value.split()) for value in named.values]
    joint = ", " if any("/" in value for value in values[:-1]) else "/"
    head = _head(name, values, joint, "")
    clear = joint == "/" or not any(joint in value for value in values)
    if not named.whole or not clear or head != f"{named.alertname}{': ' * bool(values)}{joint.join(named.values)}":
        head = _head(name, values, joint, f" ({named.mark})")
    dash = " - " if values else ": "
    left = LIMIT - len(head) - len(dash)
    return head + dash + middle_cut(named.summary, left) if named.summary and left >= _LEAST else head


def _head(name: str, values: Sequence[str], joint: str, mark: str) -> str:
    """Return the name, the values and the mark; a text that is too long is shortened in the middle."""
    name = middle_cut(name, _NAME if values else LIMIT - len(mark))
    room = LIMIT - len(name) - len(": ") - len(mark) - len(joint) * (len(values) - 1)
    sizes: dict[int, int] = {}
    # The short ones first, so that the long ones get the remaining space.
    for count, index in enumerate(sorted(range(len(values)), key=lambda at: len(values[at]))):
        sizes[index] = min(len(values[index]), _VALUE, room // (len(values) - count))
        room -= sizes[index]
    place = joint.join(middle_cut(value, sizes[at]) for at, value in enumerate(values))
    return f"{name}: {place}{mark}" if place else f"{name}{mark}"
