"""The times of an incident, separately, so that the time to detect shows which part to improve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime

ORDER = (
    "impact_began", "alert_fired", "notified", "opened", "paged", "delivered", "acknowledged", "identified",
    "mitigated", "resolved",
)  # fmt: skip
"""Names of the moments, in the order of an incident's life."""
SPANS = {
    "rule": ("impact_began", "alert_fired"),
    "alertmanager": ("alert_fired", "notified"),
    "receiver": ("notified", "paged"),
    "pager": ("paged", "delivered"),
    "detect": ("impact_began", "opened"),
    "acknowledge": ("opened", "acknowledged"),
    "identify": ("opened", "identified"),
    "mitigate": ("opened", "mitigated"),
    "resolve": ("opened", "resolved"),
}
"""The start and end of each part."""


@dataclass(frozen=True)
class Reading:
    """One moment."""

    name: str
    at: datetime | None
    by: str | None
    """The person who corrected it; None: the time in the log."""
    was: datetime | None
    """The time in the log, if a person has corrected it."""


def clocks(
    incident: Incident, events: Sequence[Event], receipts: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Reading]:
    """Return every moment by its name, in the order of ORDER.

    Unless a person entered another time, the impact began when the alert fired, minus the `for` of its rule. A reopened
    incident has the time of its first acknowledgement and of its last resolution.
    """
    said = None if incident.estimated else incident.started_at
    fired = incident.clocks.get(CorrectedTime.ALERT_FIRED, said)
    rung = [e.at for e in events if e.kind in (Kind.PAGE, Kind.EMERGENCY_PAGED)]
    read: dict[str, datetime | None] = {
        "impact_began": fired - timedelta(seconds=incident.fires_after or 0) if fired else None,
        "alert_fired": None if incident.declared else said,
        "notified": None if incident.declared else incident.opened_at,
        "opened": incident.opened_at,
        "paged": min(rung, default=None),
        "delivered": _delivered(receipts),
        "acknowledged": incident.first_acknowledged_at or incident.acknowledged_at,
        "identified": incident.identified_at,
        "mitigated": incident.mitigated_at,
        "resolved": incident.resolved_at,
    }
    who = {e.data["clock"]: e.data["by"] for e in events if e.kind is Kind.CLOCK_SET}
    return {
        name: Reading(name, incident.clocks[name], who.get(name), read[name])
        if name in incident.clocks
        else Reading(name, read[name], None, None)
        for name in ORDER
    }


def spans(readings: Mapping[str, Reading]) -> dict[str, float | None]:
    """Return the duration of each part of SPANS in seconds; None if its start or end is unknown."""
    found: dict[str, float | None] = {}
    for name, (begin, end) in SPANS.items():
        first, last = readings[begin].at, readings[end].at
        found[name] = max(0.0, (last - first).total_seconds()) if first and last else None
    return found


def _delivered(receipts: Iterable[Mapping[str, Any]]) -> datetime | None:
    at = [r["at"] for r in receipts if r.get("action") == "trigger" and r.get("outcome") == "delivered"]
    return datetime.fromisoformat(min(at)) if at else None
