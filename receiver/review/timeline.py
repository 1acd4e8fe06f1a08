"""The timeline of an incident in the seed's form: what matters, each line in a few words, times in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from receiver.model.event import ActorKind, Event, Kind
from receiver.model.incident import Incident
from receiver.review.markdown import clock, inert, span, table

NOISE = frozenset(
    {
        Kind.UPDATED, Kind.NOTIFY, Kind.PAGE_PASSED, Kind.PARTIAL_VIEW, Kind.JOINED, Kind.REMINDER, Kind.ALL_HANDS,
        Kind.CHECK_UNKNOWN, Kind.UPSTREAM, Kind.STORM_COUNTED, Kind.MEASURED, Kind.STATUS_DUE, Kind.SEVERITY_PROPOSED,
        Kind.STEP_PASSED, Kind.RESOLUTION_PROPOSED,
    }
)  # fmt: skip
"""What the log has to know and nobody has to read."""


def timeline(incident: Incident, events: Sequence[Event]) -> str:
    """Return the whole timeline as Markdown."""
    opened = incident.opened_at
    commander = incident.roles.incident_commander
    return "\n".join(
        [
            "## Incident Timeline",
            "",
            f"**Incident ID**: {inert(incident.label)}  ",
            f"**Date**: {opened:%Y-%m-%d}  ",
            f"**Duration**: {duration(incident)}  ",
            f"**Severity**: {incident.severity}  ",
            f"**IC**: {inert(commander, 100) if commander else '-'}",
            "",
            "### Timeline (All times UTC)",
            "",
            *rows(incident, events),
            "",
        ]
    )


def duration(incident: Incident) -> str:
    """Return how long it lasted, from the first alert to its end; `ongoing` while it does."""
    ended = incident.resolved_at or incident.closed_at
    return span(ended - incident.started_at) if ended is not None else "ongoing"


def rows(incident: Incident, events: Sequence[Event]) -> list[str]:
    """Return the table, oldest first by when things happened, and not by when they were written down."""
    day = incident.opened_at
    told = sorted(((_at(event), event.seq, line) for event in events if (line := _line(event, incident))), key=_order)
    return table(("Time", "Event"), [(clock(at, day), line) for at, _, line in told])


def _order(row: tuple[datetime, int, str]) -> tuple[datetime, int]:
    return row[0], row[1]


def _at(event: Event) -> datetime:
    said = event.data.get("at")
    if event.kind is Kind.NOTE and isinstance(said, str):
        try:
            return datetime.fromisoformat(said)
        except ValueError:
            return event.at
    return event.at


def _line(event: Event, incident: Incident) -> str:
    if event.kind in NOISE:
        return ""
    who, words = inert(event.actor.name, 100), inert(event.text, 300)
    if event.kind is Kind.OPENED:
        names = ", ".join(event.data.get("alerts") or incident.names[:3])
        return f"Alert: {inert(names, 200)} triggered" if names else f"Declared: {inert(incident.title, 200)}"
    if event.kind is Kind.ACKNOWLEDGED:
        return f"Acknowledged by {who}"
    if event.kind is Kind.IDENTIFIED:
        cause = event.text.partition(": ")[2]
        return f"Root cause identified: {inert(cause, 300)}" if cause else f"Root cause identified by {who}"
    if event.kind is Kind.MONITORING:
        return "Monitoring period started"
    if event.kind is Kind.RESOLVED:
        return "Incident resolved" + (f" by {who}" if event.actor.kind in _PEOPLE else "")
    return words[:1].upper() + words[1:]


_PEOPLE = (ActorKind.PERSON, ActorKind.API, ActorKind.SLACK, ActorKind.PAGERDUTY)
