"""Who follows an incident beside those who are told of everything: tickets, marks, whoever was written to. Pure."""

from __future__ import annotations

from receiver.model.incident.event import Destination, Event, Kind
from receiver.model.incident.incident import Incident

TICKET_HEARS = frozenset(
    {
        Kind.ACKNOWLEDGED,
        Kind.RESOLVED,
        Kind.CLOSED,
        Kind.MERGED,
        Kind.REOPENED,
        Kind.SEVERITY_RAISED,
        Kind.SEVERITY_SET,
        Kind.EDITED,
        Kind.TEAM_CHANGED,
    }
)
"""What changes a ticket; the rest stands in the timeline, and would only drown it."""
MARK_HEARS = frozenset(
    {
        Kind.OPENED,
        Kind.RESOLVED,
        Kind.CLOSED,
        Kind.MERGED,
        Kind.REOPENED,
        Kind.SEVERITY_RAISED,
        Kind.SEVERITY_SET,
        Kind.EDITED,
    }
)
"""What a mark in a graph shows: when it began and ended, how severe it is, what it is called."""


PERSON_HEARS = frozenset({Kind.RESOLVED, Kind.REOPENED, Kind.SEVERITY_RAISED, Kind.SEVERITY_SET, Kind.MERGED})
"""What somebody who was written to about it is written again for: mail is for what matters."""


PAGE_HEARS = frozenset(
    {
        Kind.NOTE, Kind.EDITED, Kind.ROLE, Kind.ACTION_ADDED, Kind.ACTION_CHANGED, Kind.REOPENED, Kind.RESOLVED,
        Kind.CLOSED, Kind.POSTMORTEM_WRITTEN, Kind.CORRECTED, Kind.CLOCK_SET,
        Kind.RULE_KNOWN, Kind.BUDGET_KNOWN,
    }
)  # fmt: skip
"""What changes a post-mortem once there is one."""


def followers(incident: Incident, event: Event, origin: str | None = None) -> tuple[Destination, ...]:
    """Return where `event` goes beside its own addressees, by the state after it.

    `origin`: the channel that it came from, which is not told of it again.
    """
    tickets = incident.ticketed if event.kind in TICKET_HEARS else ()
    marks = incident.plan.marks if event.kind in MARK_HEARS else ()
    people = incident.written if event.kind in PERSON_HEARS else ()
    pages = incident.documented if event.kind in PAGE_HEARS else ()
    return tuple(to for to in (*tickets, *marks, *people, *pages) if to not in event.to and to.channel != origin)
