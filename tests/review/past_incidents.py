"""A generated history of incidents, with pairs of similar incidents that have no alert in common."""

from __future__ import annotations

import random
from typing import Any

from receiver.model.incident.similar_record import SimilarRecord, words_of

SERVICES = ("checkout", "search", "payments", "ledger", "mail", "media", "auth", "billing", "orders", "catalog")
TROUBLES = (
    ("HighErrorRate", "Error rate above {n} percent"), ("HighLatency", "Slow requests, p99 above {n} ms"),
    ("DiskFull", "Disk almost full on {host}"), ("PodCrashLooping", "Container restarts on {host}"),
    ("QueueBacklog", "Backlog of {n} messages grows"), ("CertificateExpires", "Certificate ends in {n} days"),
    ("ReplicationLag", "Replica is {n} s behind on {host}"), ("MemoryPressure", "Memory pressure on {host}"),
)  # fmt: skip
RENAMED = {
    "HighErrorRate": ("ErrorRateTooHigh", "Too high an error rate, {n} percent"),
    "HighLatency": ("RequestLatencySlow", "p99 of slow requests at {n} ms"),
    "DiskFull": ("VolumeDiskUsage", "Disk full soon on {host}"),
    "PodCrashLooping": ("CrashLoop", "Container of a pod restarts on {host}"),
    "QueueBacklog": ("BacklogGrowing", "Messages pile up, backlog at {n}"),
    "CertificateExpires": ("TlsCertificateExpires", "TLS certificate ends in {n} days"),
    "ReplicationLag": ("ReplicaLagging", "Replica behind by {n} s on {host}"),
    "MemoryPressure": ("MemoryAlmostExhausted", "Memory pressure of {host}"),
}
HOUR = 3600 * 1000
START = 1_790_000_000_000


def record(number: int, chance: random.Random, service: str, name: str, summary: str, **more: Any) -> SimilarRecord:
    """Return one incident with its own pod and figures."""
    host = f"{service}-{chance.randrange(16**8):08x}"
    text = summary.format(n=chance.randrange(2, 999), host=host)
    runbook = more.pop("runbook", f"https://wiki.example.com/{service}/{name}")
    labels = {"cluster": chance.choice(("eu", "us")), "namespace": service, "service": service, "pod": host}
    return SimilarRecord(
        uid=f"{number:024x}", id=f"INC-2026-{number:06d}", title=f"{name}: {text}", severity="SEV-2", service=service,
        alerts=(name,), fingerprints=(f"{chance.randrange(16**16):016x}",),
        pairs=(f"runbook={runbook}", *(f"{key}={value}" for key, value in labels.items())),
        words=words_of(name, text), opened_ms=START + number * HOUR, ended_ms=START + number * HOUR + 840_000, **more,
    )  # fmt: skip


def history(count: int, chance: random.Random) -> list[SimilarRecord]:
    """Return `count` incidents of twenty teams' services, a third of them with a cause."""
    made = []
    for number in range(count):
        service = f"{chance.choice(SERVICES)}-{chance.randrange(20)}"
        name, summary = chance.choice(TROUBLES)
        cause = "A bad release" if chance.random() < 1 / 3 else ""
        made.append(record(number, chance, service, name, summary, cause=cause))
    return made


def planted(count: int, chance: random.Random) -> tuple[SimilarRecord, SimilarRecord]:
    """Return a past incident, numbered `count`, and a later one that has the same trouble and no common fingerprint.

    In turn: another pod, a renamed alert, and only the runbook and the words the same.
    """
    service = f"{chance.choice(SERVICES)}-{chance.randrange(20)}"
    name, summary = TROUBLES[chance.randrange(len(TROUBLES))]
    how, runbook = count % 3, f"https://wiki.example.com/runbooks/{chance.randrange(10**6)}"
    past = record(
        count, chance, service, name, summary, runbook=runbook, resolution="Rolled back", mitigation="rollback"
    )
    renamed, reworded = (name, summary) if how == 0 else RENAMED[name]
    service = service if how < 2 else f"{service}-canary"
    return past, record(count + 1, chance, service, renamed, reworded, runbook=runbook)
