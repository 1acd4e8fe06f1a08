"""Offers of shifts to colleagues: the hours of an offered day, and the plan of a week. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from receiver.incident.oncall.on_call_shift import Roster, Shift
from receiver.model.wall_clock import instant

PLANNED = timedelta(days=7)
"""How far ahead the weekly plan looks."""
PLAN_AT = time(9)
"""When it is posted, on Mondays, in the time zone of the schedule."""


class Span(NamedTuple):
    """A span of time, in UTC."""

    begins: datetime
    ends: datetime


def offered_spans(roster: Roster, person: str, days: Iterable[date], zone: str, now: datetime) -> list[Span]:
    """Return when `person` is on call on `days` in `zone`, from `now` on; adjacent spans are merged."""
    clock, found = ZoneInfo(zone), list[Span]()
    for day in sorted(set(days)):
        begins = max(instant(datetime.combine(day, time()), clock), now)
        ends = instant(datetime.combine(day + timedelta(days=1), time()), clock)
        if begins >= ends:
            continue
        for shift in roster.shifts(begins, ends):
            if shift.person != person:
                continue
            span = Span(max(shift.since or begins, begins), min(shift.until, ends))
            if found and found[-1].ends >= span.begins:
                found[-1] = Span(found[-1].begins, span.ends)
            else:
                found.append(span)
    return found


def holds_all(roster: Roster, person: str, span: Span) -> bool:
    """Return whether `person` is on call for the whole of `span`."""
    return all(shift.person == person for shift in roster.shifts(span.begins, span.ends))


def plan_moment(now: datetime, zone: str) -> datetime:
    """Return when the plan of the week that `now` is in is posted, in UTC."""
    clock = ZoneInfo(zone)
    today = now.astimezone(clock).date()
    return instant(datetime.combine(today - timedelta(days=today.weekday()), PLAN_AT), clock)


def plan_text(schedule: str, shifts: Sequence[Shift], people: Mapping[str, str], zone: str) -> str:
    """Return the weekly plan of a schedule: a line for each shift."""
    clock = ZoneInfo(zone)
    return "\n".join([f"On call in {schedule} this week ({zone}):", *_lines(shifts, people, clock)])


def _lines(shifts: Sequence[Shift], people: Mapping[str, str], clock: ZoneInfo) -> Iterator[str]:
    for shift in shifts:
        begins = f"from {shift.since.astimezone(clock):%a %Y-%m-%d %H:%M} " if shift.since else ""
        who = people.get(shift.person, shift.person) if shift.person else "no one"
        yield f"{begins}until {shift.until.astimezone(clock):%a %Y-%m-%d %H:%M}: {who}"
