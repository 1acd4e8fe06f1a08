"""The timeline chart of an incident: phases, alerts, pages and acknowledgements on one time axis. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.review.markdown_html import clock, escaped, span, table
from receiver.review.svg import bar, chart, dot, line, text

WIDTH, HEIGHT, LEFT = 480, 152, 92
"""Width of the chart, with the names of the rows on the left."""
MARKS = 60
"""Maximum number of marks in a row, newest first."""
LEAST = timedelta(minutes=1)
TICKS = 4
LETTER = 6.5
"""Width of a letter: a phase that is too short for its name has it only in its tooltip and the table."""
_NOBODY: Mapping[str, str] = {}
_STATES = {
    Kind.OPENED: "open", Kind.ACKNOWLEDGED: "acknowledged", Kind.ACKNOWLEDGEMENT_LAPSED: "open",
    Kind.IDENTIFIED: "identified", Kind.MONITORING: "monitoring", Kind.RESOLVED: "resolved", Kind.REOPENED: "open",
}  # fmt: skip
_ALERTS = (Kind.OPENED, Kind.JOINED, Kind.REFIRED, Kind.REOPENED, Kind.MONITORING, Kind.RESOLVED)
_PEOPLE = (ActorKind.PERSON, ActorKind.API, ActorKind.SLACK, ActorKind.PAGERDUTY)
"""Actors whose resolving, reopening or declaring is not an action of an alert."""
_PAGES = (Kind.PAGE, Kind.EMERGENCY_PAGED)
ROWS = (("Alerts", "peak"), ("Pages", "round"), ("Acknowledged", "square"))


class PhaseSpan(NamedTuple):
    """A state of the incident, with its beginning and end."""

    name: str
    begins: datetime
    ends: datetime


class ChartMark(NamedTuple):
    """One event in the chart."""

    row: str
    """A name of ROWS."""
    at: datetime
    text: str


@dataclass(frozen=True)
class TimelineChart:
    """The data of the chart."""

    begins: datetime
    ends: datetime
    phases: Sequence[PhaseSpan]
    marks: Sequence[ChartMark]


def timeline_chart_of(
    incident: Incident, events: Sequence[Event], now: datetime, people: Mapping[str, str] = _NOBODY
) -> TimelineChart:
    """Return the chart's data for `incident` until it was resolved, or until `now`. `people`: their names."""
    over = incident.state.over
    ends = (incident.resolved_at or incident.closed_at or now) if over else now
    fired = not incident.declared and not incident.estimated and incident.started_at < incident.opened_at
    begins = incident.started_at if fired else incident.opened_at
    phases = [PhaseSpan("detect", begins, incident.opened_at)] if fired else []
    phases += _phases(events, ends)
    return TimelineChart(begins, max(ends, begins + LEAST), phases, _marks(events, people))


def _phases(events: Iterable[Event], ends: datetime) -> list[PhaseSpan]:
    found: list[PhaseSpan] = []
    before = state = ""
    since = ends
    for event in events:
        following = before if event.kind is Kind.REFIRED and state == "monitoring" else _STATES.get(event.kind, state)
        if following == state:
            continue
        if state and event.at > since:
            found.append(PhaseSpan(state, since, min(event.at, ends)))
        before, state, since = state, following, event.at
    if state and ends > since:
        found.append(PhaseSpan(state, since, ends))
    return found


def _marks(events: Sequence[Event], people: Mapping[str, str]) -> list[ChartMark]:
    found: dict[str, list[ChartMark]] = {name: [] for name, _ in ROWS}
    for event in events:
        if event.kind in _ALERTS and event.actor.kind not in _PEOPLE:
            found["Alerts"].append(ChartMark("Alerts", event.at, _alert(event)))
        elif event.kind in _PAGES:
            page = event.data.get("page")
            person = str(page.get("person", "")) if isinstance(page, dict) else ""
            found["Pages"].append(ChartMark("Pages", event.at, people.get(person, person) or "page"))
        elif event.kind is Kind.ACKNOWLEDGED:
            who = people.get(event.actor.name, event.actor.name)
            found["Acknowledged"].append(ChartMark("Acknowledged", event.at, who))
    return [mark for marks in found.values() for mark in marks[-MARKS:]]


def _alert(event: Event) -> str:
    firing = event.data.get("firing")
    words = event.kind.replace("_", " ")
    return f"{words}, {firing} firing" if isinstance(firing, int) else words


def timeline_chart_svg(data: TimelineChart, name: str) -> str:
    """Return the chart as SVG; `name` is its accessible name."""
    whole = (data.ends - data.begins).total_seconds()

    def place(at: datetime) -> float:
        share = (at - data.begins).total_seconds() / whole
        return LEFT + (WIDTH - LEFT - 8) * min(1.0, max(0.0, share))

    parts = [text(0, 27, "Phase")]
    for phase in data.phases:
        x, lasted = place(phase.begins), phase.ends - phase.begins
        wide = max(1.5, place(phase.ends) - x)
        parts.append(bar(x, 14, wide, 18, phase.name, f"{phase.name}: {span(lasted)}"))
        if wide >= LETTER * len(phase.name):
            parts.append(text(x, 10, phase.name))
    for number, (row, shape) in enumerate(ROWS):
        y = 54 + 26 * number
        parts += [text(0, y + 4, row), line(LEFT, y, WIDTH - 8, y)]
        marks = [mark for mark in data.marks if mark.row == row]
        parts += [dot(place(mark.at), y, shape, f"{clock(mark.at)} {mark.text}") for mark in marks]
    for number in range(TICKS + 1):
        at = data.begins + (data.ends - data.begins) * number / TICKS
        anchor = "start" if number == 0 else "end" if number == TICKS else "middle"
        parts += [line(place(at), 128, place(at), 133), text(place(at), 147, clock(at), anchor=anchor)]
    return chart(WIDTH, HEIGHT, name, [*parts, line(LEFT, 128, WIDTH - 8, 128)])


def phase_rows(data: TimelineChart) -> list[tuple[str, str, str, str]]:
    """Return the phases as rows: name, beginning, end (UTC), and how long it lasted."""
    day = data.begins
    return [
        (phase.name, clock(phase.begins, day), clock(phase.ends, day), span(phase.ends - phase.begins))
        for phase in data.phases
    ]


def mark_counts(data: TimelineChart) -> list[tuple[str, int]]:
    """Return the number of marks in each row."""
    return [(row, sum(mark.row == row for mark in data.marks)) for row, _ in ROWS]


def phase_table(data: TimelineChart) -> list[str]:
    """Return the phases as a table in Markdown, for documents."""
    rows = [tuple(escaped(cell, 100) for cell in row) for row in phase_rows(data)]
    return table(("Phase", "From", "To", "Lasted"), rows)
