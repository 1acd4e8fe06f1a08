"""Lists the firing alerts of an incident for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.model.alert.annotations import description_of, values_of
from receiver.model.base import from_ms
from receiver.model.delivery.notice import AlertLine
from receiver.model.incident.alert_record import AlertRecord

SHOWN = 20
"""Maximum number of alerts that one message lists."""


def alert_lines(records: Mapping[str, AlertRecord], bodies: Mapping[str, Mapping[str, Any]]) -> list[AlertLine]:
    """Return at most 20 of the firing alerts, the worst and oldest first."""
    firing = sorted(
        (record for record in records.values() if record.firing),
        key=lambda record: (record.severity.rank, record.starts_ms, record.fingerprint),
    )
    shown = firing[:SHOWN]
    labels = [bodies.get(record.fingerprint, {}).get("labels", {}) for record in shown]
    common = set.intersection(*(set(one.items()) for one in labels)) if labels else set()
    lines = []
    for record, own in zip(shown, labels, strict=True):
        notes = bodies.get(record.fingerprint, {}).get("annotations", {})
        described = description_of(notes)
        summary = notes.get("summary") or described
        lines.append(
            AlertLine(
                name=record.name,
                summary=summary,
                description="" if described == summary else described,
                labels=own,
                differing={name: value for name, value in own.items() if (name, value) not in common},
                values=values_of(notes),
                starts_at=from_ms(record.starts_ms or record.seen_ms),
                fingerprint=record.fingerprint,
            )
        )
    return lines
