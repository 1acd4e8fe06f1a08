"""Who is on call: the shift of a schedule at a given time. Pure.

Rotations are layers: if several apply, the last one counts. A person who is away is skipped in the order of the
rotation. Overrides take precedence over all rotations. A shift that no one has is a gap.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import NamedTuple
from zoneinfo import ZoneInfo

from receiver.incident.oncall.rotation import CompiledLayer, hand_off
from receiver.model.base import Frozen
from receiver.model.oncall.schedule_settings import Line, Override, Person, Schedule
from receiver.model.wall_clock import parse_when

__all__ = ["Reason", "Roster", "Shift", "hand_off", "members", "on_call"]

KEPT = 4096
"""Maximum number of cached shifts: five years of days. It limits the memory that a caller can use."""
TICK = timedelta(microseconds=1)
EVER = datetime.min.replace(tzinfo=UTC)


class Reason(StrEnum):
    """Why it is this person."""

    ROTATION = "rotation"
    COVER = "cover"
    """The person whose turn it is, is away."""
    OVERRIDE = "override"
    NOBODY = "nobody"


class Shift(Frozen):
    """One turn of one person. Times are in UTC."""

    person: str | None
    """A key of `people`; None in a gap."""
    since: datetime | None
    """When it began; None before the schedule starts, when the first person is on call."""
    until: datetime
    """When it ends."""
    next: str | None
    """The next person; None: a gap follows."""
    reason: Reason = Reason.ROTATION
    """Why it is this person."""


class _Holder(NamedTuple):
    person: str | None
    reason: Reason
    source: object
    """The rotation or override of this shift; if it changes, another shift begins, even of the same person."""


class _Span(NamedTuple):
    begins: datetime
    ends: datetime
    person: str
    source: str


class Roster:
    """A schedule with vacations and overrides: a pure function of time, with a cache."""

    def __init__(
        self, schedule: Schedule, people: Mapping[str, Person] | None = None, overrides: Iterable[Override] = ()
    ) -> None:
        """`overrides`: those of this schedule that were made at run time."""
        zone = ZoneInfo(schedule.timezone)
        self._lanes = [
            CompiledLayer(schedule, always=True),
            *(CompiledLayer(layer, always=False) for layer in schedule.layers),
        ]
        planned = [
            _Span(parse_when(one.from_, zone), parse_when(one.until, zone, ends=True), one.person, f"planned {index}")
            for index, one in enumerate(schedule.overrides)
        ]
        made = [
            _Span(one.from_.astimezone(UTC), one.until.astimezone(UTC), one.person, f"made {one.id}")
            for one in sorted(overrides, key=lambda one: (one.made_at, one.id))
        ]
        self._overrides = [span for span in (*planned, *made) if span.begins < span.ends]
        self._vacations = {
            name: [
                (parse_when(one.from_, there), parse_when(one.until, there, ends=True))
                for there in [ZoneInfo(people[name].timezone or schedule.timezone)]
                for one in people[name].vacations
            ]
            for name in schedule.everybody
            if people and name in people and people[name].vacations
        }
        spans = [(span.begins, span.ends) for span in self._overrides]
        spans += [span for vacations in self._vacations.values() for span in vacations]
        self._marks = sorted({moment for span in spans for moment in span})
        self._known: list[Shift] = []
        self._starts: list[datetime] = []

    def at(self, now: datetime) -> Shift:
        """Return the shift at `now`: it has begun, and ends later. Every moment has exactly one."""
        place = bisect_right(self._starts, now) - 1
        if place >= 0 and now < self._known[place].until:
            return self._known[place]
        shift = self._find(now)
        if len(self._known) >= KEPT:
            self._known, self._starts = [], []
        start = shift.since or EVER
        self._known.insert(bisect_right(self._starts, start), shift)
        insort(self._starts, start)
        return shift

    def shifts(self, begins: datetime, ends: datetime) -> Iterator[Shift]:
        """Yield every shift between `begins` and `ends` (exclusive), the earliest first."""
        shift = self.at(begins)
        while begins < ends:
            yield shift
            begins = shift.until
            shift = self.at(begins)

    def gaps(self, begins: datetime, ends: datetime) -> list[tuple[datetime, datetime]]:
        """Return the spans between `begins` and `ends` (exclusive) in which no one is on call, the earliest first."""
        found: list[tuple[datetime, datetime]] = []
        for shift in self.shifts(begins, ends):
            if shift.person is None:
                since, until = max(shift.since or begins, begins), min(shift.until, ends)
                if found and found[-1][1] == since:
                    since = found.pop()[0]
                found.append((since, until))
        return found

    def _find(self, now: datetime) -> Shift:
        holder = self._holder(now)
        before, until = self._edges(now)
        while (following := self._holder(until)) == holder:
            until = self._edges(until)[1]
        while before is not None and self._holder(before - TICK) == holder:
            before = self._edges(before - TICK)[0]
        return Shift(person=holder.person, since=before, until=until, next=following.person, reason=holder.reason)

    def _holder(self, now: datetime) -> _Holder:
        for span in reversed(self._overrides):
            if span.begins <= now < span.ends:
                return _Holder(span.person, Reason.OVERRIDE, span.source)
        absent: object = None
        for number, lane in reversed(list(enumerate(self._lanes))):
            turn = lane.turn(now, self._away)
            if turn is not None and turn.person is not None:
                return _Holder(turn.person, Reason.COVER if turn.covers else Reason.ROTATION, (number, turn))
            absent = absent or turn
        return _Holder(None, Reason.NOBODY, absent)

    def _edges(self, now: datetime) -> tuple[datetime | None, datetime]:
        found = [lane.edges(now) for lane in self._lanes]
        before, after = [edge for edge, _ in found if edge is not None], [edge for _, edge in found]
        place = bisect_right(self._marks, now)
        before += self._marks[place - 1 : place]
        after += self._marks[place : place + 1]
        return max(before, default=None), min(after)

    def _away(self, person: str, now: datetime) -> bool:
        return any(begins <= now < ends for begins, ends in self._vacations.get(person, ()))


def members(schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """Return the people who are on call at `now` or may be later, each once, in the order of the configuration."""
    found: list[str] = []
    lines: tuple[Line, ...] = (schedule, *schedule.layers)
    for line in lines:
        for rota, following in zip_longest((line, *line.rotations), line.rotations):
            if following is None or hand_off(following, 0) > now:
                found += rota.people
    zone = ZoneInfo(schedule.timezone)
    found += [one.person for one in schedule.overrides if parse_when(one.until, zone, ends=True) > now]
    return tuple(dict.fromkeys(found))


def on_call(
    schedule: Schedule,
    now: datetime,
    *,
    people: Mapping[str, Person] | None = None,
    overrides: Sequence[Override] = (),
) -> Shift:
    """Return the shift at `now`: it has begun, and ends later.

    `people`: for their vacations. `overrides`: those of this schedule. Before the schedule's first hand-off, the first
    person has the shift, and `since` is None.
    """
    return Roster(schedule, people, overrides).at(now)
