"""Common parts of the benchmarks: a notification, a free port, and the kernel's data about a process."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from receiver.model.alert.alert import fingerprint

TICKS = os.sysconf("SC_CLK_TCK")


def body(alerts: int, salt: str, severity: str = "warning", first: int = 0) -> bytes:
    """Return a notification with that many alerts of the group `salt`, after `first` others.

    The severity `critical` makes it a SEV-1.
    """
    made = []
    for number in range(first + alerts):
        labels = {
            "alertname": "ApiDown" if severity == "critical" else "HighErrorRate",
            "service": "api",
            "severity": severity,
            "instance": f"10.0.{number // 250}.{number % 250}",
            "n": salt,
        }
        made.append({
            "status": "firing", "labels": labels, "annotations": {"error_rate": "7.3%", "summary": "errors " * 10},
            "startsAt": "2026-11-23T14:02:11.611Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
            "fingerprint": fingerprint(labels),
        })  # fmt: skip
    return json.dumps({
        "version": "4", "groupKey": f"g{salt}", "truncatedAlerts": 0, "status": "firing", "receiver": "bench",
        "groupLabels": {"n": salt}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "alerts": made,
    }).encode()  # fmt: skip


def free_port() -> int:
    """Return a free port of the loopback."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def resident(pid: int) -> float:
    """Return the memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
