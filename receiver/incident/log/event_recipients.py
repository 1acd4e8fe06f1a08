"""Who receives only some events of an incident: tickets, graph annotations, people who got an email. Pure."""

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
"""Events that update a ticket; the others are in the timeline and would only clutter the ticket."""
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
"""Events that update a graph annotation, which shows beginning, end, severity and title."""


PERSON_HEARS = frozenset({Kind.RESOLVED, Kind.REOPENED, Kind.SEVERITY_RAISED, Kind.SEVERITY_SET, Kind.MERGED})
"""Events that cause another email to people who already got one: only important changes are mailed."""


PAGE_HEARS = frozenset(
    {
        Kind.NOTE, Kind.EDITED, Kind.ROLE, Kind.ACTION_ADDED, Kind.ACTION_CHANGED, Kind.REOPENED, Kind.RESOLVED,
        Kind.CLOSED, Kind.POSTMORTEM_WRITTEN, Kind.CORRECTED, Kind.CLOCK_SET,
        Kind.RULE_KNOWN, Kind.BUDGET_KNOWN,
    }
)  # fmt: skip
"""Events that change an existing post-mortem."""


def followers(incident: Incident, event: Event, origin: str | None = None) -> tuple[Destination, ...]:
    """Return where `event` is sent in addition to its own recipients, based on the state after it.

    `origin`: the channel that it came from, which does not receive it again.
    """
    tickets = incident.ticketed if event.kind in TICKET_HEARS else ()
    marks = incident.plan.marks if event.kind in MARK_HEARS else ()
    people = incident.written if event.kind in PERSON_HEARS else ()
    pages = incident.documented if event.kind in PAGE_HEARS else ()
    return tuple(to for to in (*tickets, *marks, *people, *pages) if to not in event.to and to.channel != origin)
