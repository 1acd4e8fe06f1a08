"""The draft of a post-mortem: every heading of the seed's template, filled with what the log knows.

What only people know stays a question there, so that nobody takes silence for an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from receiver.model.event import Event, Kind
from receiver.model.incident import Incident
from receiver.review.markdown import inert, span, table
from receiver.review.timeline import duration, rows

OPEN = "_To be written._"


@dataclass(frozen=True)
class Budget:
    """An objective that the incident counts against."""

    name: str
    target: float
    """The part of the time that must be good, 0 to 1."""
    window: timedelta


def postmortem(incident: Incident, events: Sequence[Event], budgets: Sequence[Budget] = ()) -> str:
    """Return the draft as Markdown."""
    author = incident.roles.scribe or incident.roles.incident_commander
    actions = [
        (inert(one.title, 300), inert(one.owner, 100), one.due.isoformat() if one.due else "-", one.status.capitalize())
        for one in incident.actions
    ]
    lines = [
        f"## Post-Incident Review: {inert(incident.title, 300)}", "",
        f"**Date**: {incident.opened_at:%Y-%m-%d}  ",
        f"**Author**: {inert(author, 100) if author else '-'}  ",
        "**Status**: Draft", "",
        "### Summary", "", inert(incident.summary, 5000) if incident.summary else _summary(incident), "",
        "### Impact", "",
        f"- **Duration**: {duration(incident)}",
        f"- **Users affected**: {_reach(incident)}",
        f"- **Revenue impact**: {OPEN}",
        f"- **SLA impact**: {_spent(incident, budgets)}", "",
        "### Root Cause", "", inert(incident.cause, 5000) if incident.cause else OPEN, "",
        "### Detection", "", *_detection(incident, events), "",
        "### Response", "", *_response(incident, events), "",
        "### Contributing Factors", "", *_factors(incident), "",
        "### Action Items", "",
        *table(("Action", "Owner", "Due Date", "Status"), actions or [("-", "-", "-", "-")]), "",
        "### Lessons Learned", "", f"- {OPEN}", "",
        "### Timeline", "", *rows(incident, events), "",
    ]  # fmt: skip
    return "\n".join(lines)


def _summary(incident: Incident) -> str:
    what = inert(incident.title, 300)
    service = f" of {inert(incident.service, 100)}" if incident.service else ""
    text = f"A {incident.severity} incident{service} ({what}) lasted {duration(incident)}."
    return f"{text} Resolution: {inert(incident.resolution, 2000)}" if incident.resolution else text


def _reach(incident: Incident) -> str:
    if incident.impact:
        return inert(incident.impact, 2000)
    return inert(incident.decision.scope.replace("_", " "), 100) if incident.decision.scope else OPEN


def _spent(incident: Incident, budgets: Sequence[Budget]) -> str:
    ended = incident.resolved_at or incident.closed_at
    if ended is None or not budgets:
        return OPEN
    lasted = (ended - incident.started_at).total_seconds()
    found = []
    for one in budgets:
        allowed = one.window.total_seconds() * (1 - one.target)
        share = f"{lasted / allowed:.0%}" if allowed > 0 else "all"
        promised = f"{one.target * 100:.6g}"
        found.append(f"{share} of the error budget of {inert(one.name, 100)} ({promised}% over {one.window.days} d)")
    return "; ".join(found)


def _detection(incident: Incident, events: Sequence[Event]) -> list[str]:
    by = "a person who declared it" if incident.declared else f"an alert ({inert(', '.join(incident.names[:3]), 200)})"
    late = incident.opened_at - incident.started_at
    paged = next((event.at for event in events if event.kind is Kind.PAGE), None)
    lines = [f"- How was the incident detected? By {by}, {span(late)} after it began."]
    if paged is not None:
        lines.append(f"- First page {span(paged - incident.opened_at)} after it was opened.")
    return [*lines, f"- Could we have detected it sooner? {OPEN}"]


def _response(incident: Incident, events: Sequence[Event]) -> list[str]:
    lines = []
    if incident.acknowledged_at is not None:
        lines.append(f"- Acknowledged {span(incident.acknowledged_at - incident.opened_at)} after it was opened.")
    for one in incident.mitigations:
        lines.append(f"- Mitigation: {inert(one.option, 100)}: {inert(one.text, 500)}")
    climbed = sum(event.kind is Kind.ESCALATED for event in events)
    breaches = sum(event.kind is Kind.RESPONSE_BREACHED for event in events)
    if climbed or breaches:
        lines.append(f"- {climbed} steps of the escalation were taken; {breaches} times nobody answered in time.")
    return [*lines, f"- What went well? {OPEN}", f"- What could be improved? {OPEN}"]


def _factors(incident: Incident) -> list[str]:
    found = []
    if incident.changes is not None and incident.changes.why:
        found.append(f"{inert(incident.changes.repository, 200)}: {inert(incident.changes.why, 500)}")
    if incident.flaps:
        found.append(f"It fired again {incident.flaps} times after it had seemed over.")
    return [f"{number}. {text}" for number, text in enumerate([*found, OPEN], 1)]
