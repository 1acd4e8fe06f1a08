"""The alerts of an incident: which ones are members, when each has ended, and how many there are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from receiver.incident.log.notification_outcome import NotificationPart
from receiver.model.alert.alert import Alert
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Decision, worst

NAMES = 20
"""Maximum number of names in an event or a message; the others are counted."""
LEAVES_AFTER = timedelta(hours=24)
"""A resolved alert leaves the incident after this time and still counts."""


FOREIGN = "foreign_resolve"
"""Why a resolve is ignored: its sender may not resolve alerts that another sender reported."""


def ended(record: AlertRecord, alert: Alert, now: datetime, sender: Sender = ANYBODY) -> AlertRecord:
    """Return `record` after `alert` reported its end; unchanged if `sender` may not resolve it."""
    if not record.firing or not sender.may_resolve(record.sender):
        return record
    # An old end cannot resolve an alert that began later. But an end after that beginning applies regardless of its
    # startsAt: Alertmanager moves startsAt back to the earliest if several Prometheus servers send the same alert.
    if to_ms(alert.starts_at) < record.starts_ms and to_ms(alert.ends_at) <= record.starts_ms:
        return record
    ends = to_ms(alert.ends_at) if alert.ends_at.year > 1970 else to_ms(now)
    return record._replace(firing=False, ends_ms=ends, seen_ms=to_ms(now))


def ignored_ends(part: NotificationPart, records: Mapping[str, AlertRecord]) -> list[str]:
    """Return the fingerprints of firing alerts whose end in `part` is ignored, because its sender may not resolve them.

    An alert that the same notification also reports as firing is not among them.
    """
    if not part.sender.restricted:
        return []
    return [
        alert.fingerprint
        for alert in part.alerts
        if not alert.firing
        and (record := records.get(alert.fingerprint)) is not None
        and record.firing
        and not part.sender.may_resolve(record.sender)
    ]


def tombstone_name(fingerprint: str, sender: Sender) -> str:
    """Return the name under which the end of an alert with an unknown beginning is stored.

    A restricted sender has separate names, so that it cannot delay alerts that another sender reports.
    """
    return f"{fingerprint}@{sender.name}" if sender.restricted else fingerprint


def tombstones(part: NotificationPart, records: Mapping[str, AlertRecord]) -> dict[str, int]:
    """Return startsAt (ms) of the ends in `part` whose beginning was never received: a late copy of it pages no one."""
    return {
        tombstone_name(alert.fingerprint, part.sender): to_ms(alert.starts_at)
        for alert in part.alerts
        if not alert.firing and alert.fingerprint not in records
    }


def fired(alert: Alert, decision: Decision, now_ms: int, sender: Sender = ANYBODY) -> AlertRecord:
    """Return the record of an alert that fires, as `sender` reports it; all of a notification share `now_ms`."""
    # By place: fifty of them are made of one notification, and names take half as long again.
    return AlertRecord(
        alert.fingerprint, True, to_ms(alert.starts_at), None, decision.severity, alert.name[:200], body_digest(alert),
        now_ms, sender.name,
    )  # fmt: skip


def body_digest(alert: Alert) -> str:
    """Return a short hash of an alert's body, so that only a changed body is written again."""
    body = orjson.dumps([alert.labels, alert.annotations, alert.generator_url], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def counts(incident: Incident | None, records: Mapping[str, AlertRecord], gone: int = 0) -> dict[str, Any]:
    """Return how many alerts fire, are resolved, and have left, for an event; `gone`: how many leave now."""
    firing = [record for record in records.values() if record.firing]
    names = list(dict.fromkeys(record.name for record in firing))[:NAMES]
    left = (incident.left if incident else 0) + gone
    return {
        "firing": len(firing),
        "resolved": len(records) - len(firing),
        "left": left,
        "names": names,
        "worst": worst(record.severity for record in firing),
    }


def sender(part: NotificationPart) -> Actor:
    """Return the sender of a notification: the receiver in Alertmanager's configuration, and the owner of the token."""
    return Actor(kind=ActorKind.ALERTMANAGER, name=part.receiver[:200], caller=part.sender.name)


def worst_of(live: Sequence[Alert], part: NotificationPart) -> tuple[Alert, Decision]:
    """Return the alert that determines the incident's severity, and its decision."""
    # The order of alerts must not matter: among equals the earliest is chosen, then the lowest fingerprint.
    alert = min(live, key=lambda a: (part.decisions[a.fingerprint].severity.rank, a.starts_at, a.fingerprint))
    return alert, part.decisions[alert.fingerprint]
