"""The draft of a post-mortem: every heading of the process's template, filled with data from the log.

Information that only people have stays an open question, so that no one mistakes an empty section for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from receiver.model.delivery.notice import Link
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.review.charts.timeline_chart import phase_table, timeline_chart_of
from receiver.review.expression.graph import EXPRESSION, graph_table, newest_graph
from receiver.review.incident_times import clocks, spans
from receiver.review.markdown_html import escaped, span, table
from receiver.review.review_settings import Budget
from receiver.review.timeline import Receipts, cause_of, choices_of, duration, resolution_of, rows

_NOBODY: Mapping[str, str] = {}
OPEN = "_To be written._"
_STATUS = re.compile(r"^(\*\*Status\*\*: )(?:Draft|Final|Draft / Final)(?=[ \t]*$)", re.MULTILINE)
_TENANTS = ("tenant", "customer", "account", "organization")
"""Labels that say who is affected."""


def text_of(
    incident: Incident,
    events: Sequence[Event],
    budgets: Sequence[Budget] = (),
    receipts: Receipts = (),
    links: Sequence[Link] = (),
    version: int | None = None,
    people: Mapping[str, str] = _NOBODY,
    graphs: Sequence[Link] = (),
) -> str:
    """Return the current post-mortem: the version written by people, or else the draft.

    `version`: an older one; 0 is the draft. Raises LookupError if there is no version with that number.
    """
    written, status = None, ReviewStatus.DRAFT
    count = 0
    for event in events:
        if event.kind is Kind.POSTMORTEM_WRITTEN and (version is None or event.data["writing"]["version"] <= version):
            written = event.data["markdown"] or written
            status, count = ReviewStatus(event.data["writing"]["status"]), event.data["writing"]["version"]
    if version is not None and version != count:
        raise LookupError(f"there is no version {version} (it has versions 0 to {count})")
    text = written if written is not None else postmortem(incident, events, budgets, receipts, links, people, graphs)
    return _STATUS.sub(rf"\g<1>{status.capitalize()}", text, count=1)


def postmortem(
    incident: Incident,
    events: Sequence[Event],
    budgets: Sequence[Budget] = (),
    receipts: Receipts = (),
    links: Sequence[Link] = (),
    people: Mapping[str, str] = _NOBODY,
    graphs: Sequence[Link] = (),
) -> str:
    """Return the draft as Markdown. `people`: names by their keys in the configuration; `graphs`: images."""
    author = incident.roles.scribe or incident.roles.incident_commander
    lines = [
        f"## {incident.badge}Post-Incident Review: {escaped(incident.title, 300)}", "",
        f"**Date**: {incident.opened_at:%Y-%m-%d}  ",
        f"**Author**: {escaped(people.get(author, author), 100) if author else '-'}  ",
        "**Status**: Draft", "",
        "### Summary", "", escaped(incident.summary, 5000) if incident.summary else _summary(incident, events), "",
        "### Impact", "",
        f"- **Duration**: {duration(incident)}",
        f"- **Users affected**: {_reach(incident)}",
        f"- **Revenue impact**: {OPEN}",
        f"- **SLA impact**: {_spent(incident, budgets)}", "",
        "### Root Cause", "", _cause(incident, events), "",
        "### Detection", "", *_detection(incident, events, receipts), "",
        "### Response", "", *_response(incident, events), "",
        "### Contributing Factors", "", *_factors(incident), "",
        "### Action Items", "",
        *_actions(incident, people), "",
        "### Lessons Learned", "", f"- {OPEN}", "",
        "### Timeline", "", *rows(incident, events, receipts), "",
        *_phases(incident, events, people),
        *_expression(events),
        *(["### Graphs", "", *map(_link, graphs), ""] if graphs else []),
        *(["### Links", "", *map(_link, links), ""] if links else []),
    ]  # fmt: skip
    return "\n".join(lines)


def _actions(incident: Incident, people: Mapping[str, str]) -> list[str]:
    actions = [
        (
            escaped(one.title, 300),
            escaped(people.get(one.owner, one.owner), 100),
            one.due.isoformat() if one.due else "-",
            one.status.capitalize(),
        )
        for one in incident.actions
    ]
    return table(("Action", "Owner", "Due Date", "Status"), actions or [("-", "-", "-", "-")])


def _phases(incident: Incident, events: Sequence[Event], people: Mapping[str, str]) -> list[str]:
    chart = timeline_chart_of(incident, events, events[-1].at, people) if events else None
    return ["**Phases (times UTC)**", "", *phase_table(chart), ""] if chart and chart.phases else []


def _expression(events: Sequence[Event]) -> list[str]:
    graph = newest_graph(events)
    return [] if graph is None else [f"### {EXPRESSION}", "", *graph_table(graph), ""]


def _took(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else span(timedelta(seconds=seconds))


_PARTS = {
    "detect": "after it began.",
    "rule": "until the alert's rule fired",
    "alertmanager": "until Alertmanager reported it",
    "receiver": "until someone was paged",
    "pager": "until the pager accepted it",
}
"""The parts of the time to detect, and the text of each."""


def _summary(incident: Incident, events: Sequence[Event]) -> str:
    what = escaped(incident.title, 300)
    service = f" of {escaped(incident.service, 100)}" if incident.service else ""
    lasted = f"lasted {duration(incident)}" if incident.state.over else "is ongoing"
    cause, choices = _cause(incident, events), choices_of(events)
    sentences = [f"A {incident.severity} incident{service} ({what}) {lasted}."]
    sentences += [f"Root cause: {_sentence(cause)}"] if cause != OPEN else []
    said = incident.resolution or resolution_of(events)
    ended = escaped(said, 2000) if said else "; ".join(choices)
    return " ".join([*sentences, *([f"Resolution: {_sentence(ended)}"] if ended else [])])


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _cause(incident: Incident, events: Sequence[Event]) -> str:
    if incident.cause:
        return escaped(incident.cause, 5000)
    return escaped(cause_of(events), 5000) or OPEN


def _reach(incident: Incident) -> str:
    if incident.impact:
        return escaped(incident.impact, 2000)
    scope = escaped(incident.decision.scope.replace("_", " "), 100) if incident.decision.scope else ""
    named = [f"{name} {escaped(incident.labels[name], 100)}" for name in _TENANTS if incident.labels.get(name)]
    return ", ".join([*([scope] if scope else []), *named]) or OPEN


def _link(link: Link) -> str:
    # Between < and > an address may contain anything except these characters and line ends.
    target = re.sub(r"[<>\\\s]", lambda found: f"%{ord(found[0]):02X}", link.href)
    return f"- [{escaped(link.text, 100)}](<{target}>)"


def _spent(incident: Incident, budgets: Sequence[Budget]) -> str:
    ended = incident.clocks.get(CorrectedTime.RESOLVED) or incident.resolved_at or incident.closed_at
    if ended is None or not budgets:
        return OPEN
    lasted = (ended - (incident.clocks.get(CorrectedTime.IMPACT_BEGAN) or incident.started_at)).total_seconds()
    found = []
    for one in budgets:
        window = one.window.total_seconds()
        allowed = window * (1 - one.target)
        measured = (incident.spent or {}).get(one.name)
        spent = min(max(0.0, lasted), window) / allowed if allowed > 0 and measured is None else measured or 0.0
        share = f"{min(spent, 1.0):.0%}" + (f" (and {spent:.1f} times what is allowed)" if spent > 1 else "")
        share = share if allowed > 0 else "all"
        promised = f"{one.target * 100:.6g}"
        found.append(f"{share} of the error budget of {escaped(one.name, 100)} ({promised}% over {one.window.days} d)")
    return "; ".join(found)


def _detection(incident: Incident, events: Sequence[Event], receipts: Receipts) -> list[str]:
    opened = events[0].data.get("alerts") if events else None
    names = escaped(", ".join((opened or incident.names or (incident.title,))[:3]), 200)
    by = "a person who declared it" if incident.declared else f"an alert ({names})"
    took = spans(clocks(incident, events, receipts))
    parts = [
        f"{_took(seconds)} {text}"
        for name, text in _PARTS.items()
        if (seconds := took[name]) is not None and (seconds or name == "detect")
    ]
    lines = [f"- How was the incident detected? By {by}, {parts[0]}"]
    lines += [f"- Breakdown: {', '.join(parts[1:])}."] if parts[1:] else []
    return [*lines, f"- Could we have detected it sooner? {OPEN}"]


def _response(incident: Incident, events: Sequence[Event]) -> list[str]:
    lines = []
    answered = spans(clocks(incident, events))["acknowledge"]
    if answered is not None:
        lines.append(f"- Acknowledged {_took(answered)} after it was opened.")
    lines += [f"- Mitigation: {text}" for text in choices_of(events)]
    climbed = sum(event.kind is Kind.ESCALATED for event in events)
    breaches = sum(event.kind is Kind.RESPONSE_BREACHED for event in events)
    if climbed or breaches:
        lines.append(f"- Escalation steps taken: {climbed}. Missed acknowledgement deadlines: {breaches}.")
    return [*lines, f"- What went well? {OPEN}", f"- What could be improved? {OPEN}"]


def _factors(incident: Incident) -> list[str]:
    found = []
    if incident.changes is not None and incident.changes.likely is not None:
        found.append(f"{escaped(incident.changes.repository, 200)}: {escaped(incident.changes.why, 500)}")
    found += [
        f"It has happened before, despite this completed action: {escaped(done, 500)}" for done in incident.recurs
    ]
    if incident.flaps:
        found.append(f"It fired again {incident.flaps} times after it had seemed resolved.")
    return [f"{number}. {text}" for number, text in enumerate([*found, OPEN], 1)]
