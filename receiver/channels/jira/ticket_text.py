"""The texts of tickets for incidents and action items, and of comments, in any format of Jira. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from receiver.channels.jira.text_formats import Line, Run, summary_of
from receiver.channels.safe_text import clean, labels_text
from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Notice
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import ActionItem, ActionStatus
from receiver.model.incident.state import State
from receiver.model.incident.ticket import TicketStatus

OURS = "receiver"
"""A label of every ticket that this service creates."""
ITEMS = (Kind.ACTION_ADDED, Kind.ACTION_CHANGED)
NEWS = 50
"""Maximum number of events in one comment."""
_MADE_BY = (*ITEMS, Kind.OPENED, Kind.TICKET)
_LABEL = re.compile(r"receiver-([A-Za-z0-9_]+)(?:-action-([0-9]{1,6}))?")
_SAFE = re.compile(r"[A-Za-z0-9_]{1,64}")


def label(uid: str, action: int | None = None) -> str:
    """Return the label by which a ticket is found: stable, without spaces, at most 100 characters."""
    name = uid if _SAFE.fullmatch(uid) else hashlib.sha256(uid.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{OURS}-{name}" + (f"-action-{action}" if action is not None else "")


def whose(labels: Sequence[str]) -> tuple[str, int | None] | None:
    """Return the uid and the action number in the labels of a ticket; None if it is not one of ours."""
    found: tuple[str, int | None] | None = None
    for text in labels:
        match = _LABEL.fullmatch(text)
        if match is not None:
            found = (match[1], int(match[2])) if match[2] else found or (match[1], None)
    return found


def labels_of(incident: Incident, action: int | None = None) -> list[str]:
    """Return the labels of a new ticket: ours, the incident's id, its severity, and the one by which it is found.

    An action item's ticket has the incident's label too, so that one search finds everything.
    """
    number = re.sub(r"[^A-Za-z0-9_.-]+", "-", incident.label)[:100]
    own = [label(incident.uid)] + ([label(incident.uid, action)] if action is not None else [])
    return [OURS, number, *own]


def summary(incident: Incident) -> str:
    """Return the summary of an incident's ticket."""
    return summary_of(f"{incident.badge}[{incident.severity}] {incident.title}")


def description(notice: Notice, incident: Incident) -> list[Line]:
    """Return the text of a new ticket for an incident; later changes are comments."""
    decision = incident.decision
    lines: list[Line] = [
        (Run(f"{incident.label} · {incident.severity} · {incident.state}", strong=True),),
        (Run("Severity: ", strong=True), Run(f"{decision.rule}: {'; '.join(decision.reasons)}")),
    ]
    lines += [(Run("Service: ", strong=True), Run(incident.service))] if incident.service else []
    lines += [(Run("Scope: ", strong=True), Run(decision.scope))] if decision.scope else []
    lines += [(Run("Summary: ", strong=True), Run(incident.summary))] if incident.summary else []
    lines += [(Run("Recent changes: ", strong=True), Run(incident.changes.why))] if incident.changes else []
    lines += [(Run("Since: ", strong=True), Run(rfc3339(incident.started_at)))]
    for alert in notice.alerts:
        lines.append(
            (Run("Alert: ", strong=True), Run(f"{alert.name}: {alert.summary}" if alert.summary else alert.name))
        )
        lines += [(Run(alert.detail),)] if alert.detail else []
    lines += [(Run("Labels: ", strong=True), Run(labels_text(incident.labels, 600)))] if incident.labels else []
    if incident.firing > len(notice.alerts):
        lines.append((Run(f"{incident.firing} firing alerts."),))
    return [*lines, *_links(notice)]


def _links(notice: Notice) -> list[Line]:
    links = [Run(link.text, href=link.href) for link in notice.links]
    links = [Run("Incident", href=notice.url), *links] if notice.url else links
    return [(Run("Link: ", strong=True), link) for link in links]


def promise(item: ActionItem, notice: Notice, incident: Incident, ticket: str | None) -> list[Line]:
    """Return the text of the ticket for an action item; `ticket`: the incident's own."""
    lines: list[Line] = [
        (Run("Action item: ", strong=True), Run(f"{item.n} of {incident.label}")),
        (Run("Incident: ", strong=True), Run(incident.title)),
        (Run("Owner: ", strong=True), Run(item.owner)),
    ]
    lines += [(Run("Due: ", strong=True), Run(item.due.isoformat()))] if item.due else []
    lines += [(Run("Ticket: ", strong=True), Run(ticket))] if ticket else []
    return [*lines, *([(Run("Link: ", strong=True), Run("Incident", href=notice.url))] if notice.url else [])]


def item_summary(item: ActionItem, incident: Incident) -> str:
    """Return the summary of an action item's ticket."""
    return summary_of(f"{incident.badge}{item.title} ({incident.label})")


def news(events: Sequence[Event], said: int) -> list[Event]:
    """Return the events for a comment, without those that created the ticket and those of action items."""
    return [event for event in events if event.seq > said and event.kind not in _MADE_BY]


def mark(incident: Incident, seq: int) -> str:
    """Return the text by which a comment is recognized after a response was lost."""
    return f"{incident.label} #{seq}"


def comment(events: Sequence[Event], incident: Incident) -> list[Line]:
    """Return the comment about `events`, which ends in its mark."""
    shown = list(events[-NEWS:])
    lines: list[Line] = []
    if len(events) > len(shown):
        lines.append((Run(f"{len(events) - len(shown)} earlier changes are in the timeline."),))
    lines += [(Run(f"{event.at:%H:%M} UTC ", strong=True), Run(event.text)) for event in shown]
    return [*lines, (Run(mark(incident, events[-1].seq)),)]


def progress(incident: Incident) -> TicketStatus:
    """Return the wanted category of an incident's ticket."""
    if incident.state.over:
        return TicketStatus.DONE
    return TicketStatus.NEW if incident.state is State.OPEN else TicketStatus.BEGUN


def item_progress(item: ActionItem) -> TicketStatus:
    """Return the wanted category of an action item's ticket."""
    return TicketStatus.NEW if item.status is ActionStatus.OPEN else TicketStatus.DONE


def items(events: Sequence[Event], incident: Incident) -> list[ActionItem]:
    """Return the current state of the action items in `events`."""
    named = {event.data["action"]["n"] for event in events if event.kind in ITEMS}
    return [item for item in incident.actions if item.n in named]


def restated(events: Sequence[Event], n: int) -> bool:
    """Return whether `events` change the status of action item `n`."""
    return any(
        event.kind is Kind.ACTION_CHANGED
        and event.data["action"]["n"] == n
        and "status" in event.data.get("changed", ())
        for event in events
    )


def worded(text: object) -> str:
    """Return a vendor's text for a message, cleaned and short."""
    return clean(str(text), 200)
