"""The timeline chart of an incident, on one time axis: phases, alerts, pages and acknowledgements. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.review.markdown import clock, escaped, span, table
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


class CourseMark(NamedTuple):
    """One event in the chart."""

    row: str
    """A name of ROWS."""
    at: datetime
    text: str


@dataclass(frozen=True)
class Course:
    """The timeline chart of one incident."""

    begins: datetime
    ends: datetime
    phases: Sequence[PhaseSpan]
    marks: Sequence[CourseMark]


def course_of(
    incident: Incident, events: Sequence[Event], now: datetime, people: Mapping[str, str] = _NOBODY
) -> Course:
    """Return the timeline chart of `incident` until it was resolved, or until `now`. `people`: their names."""
    over = incident.state.over
    ends = (incident.resolved_at or incident.closed_at or now) if over else now
    fired = not incident.declared and not incident.estimated and incident.started_at < incident.opened_at
    begins = incident.started_at if fired else incident.opened_at
    phases = [PhaseSpan("detect", begins, incident.opened_at)] if fired else []
    phases += _phases(events, ends)
    return Course(begins, max(ends, begins + LEAST), phases, _marks(events, people))


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


def _marks(events: Sequence[Event], people: Mapping[str, str]) -> list[CourseMark]:
    found: dict[str, list[CourseMark]] = {name: [] for name, _ in ROWS}
    for event in events:
        if event.kind in _ALERTS and event.actor.kind not in _PEOPLE:
            found["Alerts"].append(CourseMark("Alerts", event.at, _alert(event)))
        elif event.kind in _PAGES:
            page = event.data.get("page")
            person = str(page.get("person", "")) if isinstance(page, dict) else ""
            found["Pages"].append(CourseMark("Pages", event.at, people.get(person, person) or "page"))
        elif event.kind is Kind.ACKNOWLEDGED:
            who = people.get(event.actor.name, event.actor.name)
            found["Acknowledged"].append(CourseMark("Acknowledged", event.at, who))
    return [mark for marks in found.values() for mark in marks[-MARKS:]]


def _alert(event: Event) -> str:
    firing = event.data.get("firing")
    words = event.kind.replace("_", " ")
    return f"{words}, {firing} firing" if isinstance(firing, int) else words


def course_svg(course: Course, name: str) -> str:
    """Return the chart as SVG; `name` is its accessible name."""
    whole = (course.ends - course.begins).total_seconds()

    def place(at: datetime) -> float:
        share = (at - course.begins).total_seconds() / whole
        return LEFT + (WIDTH - LEFT - 8) * min(1.0, max(0.0, share))

    parts = [text(0, 27, "Phase")]
    for phase in course.phases:
        x, lasted = place(phase.begins), phase.ends - phase.begins
        wide = max(1.5, place(phase.ends) - x)
        parts.append(bar(x, 14, wide, 18, phase.name, f"{phase.name}: {span(lasted)}"))
        if wide >= LETTER * len(phase.name):
            parts.append(text(x, 10, phase.name))
    for number, (row, shape) in enumerate(ROWS):
        y = 54 + 26 * number
        parts += [text(0, y + 4, row), line(LEFT, y, WIDTH - 8, y)]
        marks = [mark for mark in course.marks if mark.row == row]
        parts += [dot(place(mark.at), y, shape, f"{clock(mark.at)} {mark.text}") for mark in marks]
    for number in range(TICKS + 1):
        at = course.begins + (course.ends - course.begins) * number / TICKS
        anchor = "start" if number == 0 else "end" if number == TICKS else "middle"
        parts += [line(place(at), 128, place(at), 133), text(place(at), 147, clock(at), anchor=anchor)]
    return chart(WIDTH, HEIGHT, name, [*parts, line(LEFT, 128, WIDTH - 8, 128)])


def course_rows(course: Course) -> list[tuple[str, str, str, str]]:
    """Return the phases as rows: name, beginning, end (UTC), and how long it lasted."""
    day = course.begins
    return [
        (phase.name, clock(phase.begins, day), clock(phase.ends, day), span(phase.ends - phase.begins))
        for phase in course.phases
    ]


def course_counts(course: Course) -> list[tuple[str, int]]:
    """Return the number of marks in each row."""
    return [(row, sum(mark.row == row for mark in course.marks)) for row, _ in ROWS]


def course_table(course: Course) -> list[str]:
    """Return the chart as a table in Markdown, for documents."""
    rows = [tuple(escaped(cell, 100) for cell in row) for row in course_rows(course)]
    return table(("Phase", "From", "To", "Lasted"), rows)
