"""Writes many open incidents into a store, as commits of the service would: thousands per second.

`python -m bench.open_incidents URL COUNT`, or `put` from a test. The real lifecycle decides them and the real commit
script writes them; one in a hundred is decided, and the others are copies with different uid, keys and fingerprint.
They have no deliveries and no timers, so a service on that store is idle.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from receiver.active_config_builder import build_active_config
from receiver.config import load
from receiver.incident.alerts.notification_decision import on_notification
from receiver.incident.log.notification_outcome import KeyState, NotificationPart
from receiver.incident.store_outage.incident_summary import summarize
from receiver.model.alert.alert import Alert, AlertStatus
from receiver.model.base import to_ms
from receiver.model.severity import Decision, Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.client.connection import Connection
from receiver.store.incidents.commit_request import CommitRequest
from receiver.store.incidents.commit_script import script_arguments
from receiver.store.incidents.incident_store import COMMIT

ALIKE = 100
"""Number of incidents created from one decision; they open at the same time."""
TOGETHER = 200
"""Number of commits in one round trip."""
SPREAD = timedelta(minutes=4)
"""Time from the first opening to the last: long enough to be no storm, and too short for a missed response time."""
SINCE = timedelta(minutes=2)
"""How long ago the last one opened."""
SEVERITIES = (Severity.SEV3, Severity.SEV4)
HISTORY = 86_400
_NEEDLES = (b"a1" * 12, b"b2" * 16, b"c3" * 8, b"d4" * 16, b"e5" * 12)
"""uid, correlation key, fingerprint, group and operation in the decision."""


def _decided(severity: Severity, setting: ActiveConfig, now: datetime, *, older: bool) -> list[bytes]:
    uid, key, name, group, operation = (needle.decode() for needle in _NEEDLES)
    labels = {
        "alertname": "HighErrorRate", "service": "api", "cluster": "prod-eu-west-1", "namespace": f"payments-{name}",
        "instance": f"10.42.0.1:8080/{name}", "job": "kube-state-metrics", "team": "payments-sre",
    }  # fmt: skip
    alert = Alert(
        status=AlertStatus.FIRING, labels=labels, starts_at=now, fingerprint=name,
        annotations={"summary": f"errors of {name}", "description": "the error rate is 7.3 %: " + "errors " * 10},
    )  # fmt: skip
    decision = Decision(severity=severity, rule="bench", reasons=("it was asked for",))
    part = NotificationPart(
        key=key, group=group, receiver="bench", truncated=0, alerts=[alert], decisions={name: decision}, labels={},
        annotations={},
    )  # fmt: skip
    view = KeyState(pointer="", incident=None, records={}, owners={}, tombs={})
    verdict = on_notification(part, view, setting.policy, uid, now)
    assert verdict.incident is not None
    change = CommitRequest(
        incident=verdict.incident, events=verdict.events, records=verdict.records,
        bodies={name: b'{"labels":{"alertname":"HighErrorRate"}}'}, owners=verdict.owners, pointers=verdict.pointers,
        turn=(key, 0), seen={group: "digest"}, summary=None if older else summarize(verdict.incident, setting.policy),
    )  # fmt: skip
    args = script_arguments(
        change,
        prefix="PREFIX",
        ttl_s=HISTORY,
        now_ms=to_ms(now),
        lease_ms=1000,
        token=operation,
        number=setting.id_parts(now),
    )
    return [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]


def _changes(
    count: int,
    first: int,
    severities: Sequence[Severity],
    setting: ActiveConfig,
    now: datetime,
    prefix: str,
    *,
    older: bool,
) -> Iterator[tuple[str, list[bytes]]]:
    # Yields uid and arguments of each commit.
    text = b""
    for number in range(first, first + count):
        if not text or number % ALIKE == 0:
            opened = now - SINCE - SPREAD * (1 - (number - first) / count)
            args = _decided(severities[number // ALIKE % len(severities)], setting, opened, older=older)
            text = b"\0".join(args).replace(b"PREFIX", prefix.encode())
        mine = text
        for needle in _NEEDLES:
            mine = mine.replace(needle, f"{number:0{len(needle)}x}".encode())
        yield f"{number:024x}", mine.split(b"\0")


async def put(
    url: str,
    count: int,
    *,
    namespace: str = "receiver",
    first: int = 1,
    severities: Sequence[Severity] = SEVERITIES,
    setting: ActiveConfig | None = None,
    now: datetime | None = None,
    older: bool = False,
) -> None:
    """Open `count` incidents with numbers from `first` on.

    `older`: without summaries, like an earlier release. `setting`: for the decision; None: the default configuration.
    """
    known = setting or build_active_config(load(None, {}), {})
    connection = Connection(url, namespace, durability="memory")
    try:
        async with connection.guarded() as client:
            await client.script_load(COMMIT.plain.text)
        at = now or datetime.now(UTC)
        prefix = connection.keys.prefix
        changes = _changes(count, first, severities, known, at, prefix, older=older)
        while part := [change for _, change in zip(range(TOGETHER), changes, strict=False)]:
            async with connection.guarded() as client:
                pipe: Any = connection.pipeline(client)
                for uid, args in part:
                    pipe.evalsha(COMMIT.plain.sha, 1, connection.keys.incident(uid), *args)
                for reply in await pipe.execute():
                    if reply[0] != "ok":
                        raise RuntimeError(f"not written: {reply}")
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(put(sys.argv[1], int(sys.argv[2])))
