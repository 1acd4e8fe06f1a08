"""Whose turn it is in one rotation, and when that may change. Pure.

A rotation counts in wall-clock time, so that `Monday 09:00` stays 09:00 when the clocks change. A hand-off at a
time that the clocks skip happens at the moment of the skip; at a time that comes twice, the first time: once each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from receiver.model.oncall.schedule_settings import Line, Rota
from receiver.model.severity_policy import Day
from receiver.model.wall_clock import instant

NEAR = timedelta(days=15)
"""At any time, hours of the week begin or end within this span, even if a clock change skips them once."""
REACH = NEAR.days + 3
BLOCK, BLOCKS = 32, 128
"""Days whose hours are computed at once, and the number of such blocks in the cache."""
KEPT = 4096
"""Maximum number of cached hand-offs, so that a caller cannot fill the memory."""

Away = Callable[[str, datetime], bool]
"""(person, moment) -> whether that person is on vacation."""


@dataclass(frozen=True)
class Turn:
    """The turn of one person. Two moments are in the same turn if their turns are equal."""

    person: str | None
    """None: everyone in the rotation is away."""
    number: int
    """Counted from 0; below 0 before the rotation starts, when its first person is on call."""
    change: int
    """The change of the rotation that it belongs to; 0: before any change."""
    covers: bool = False
    """Whether the person covers for someone who is away."""


class CompiledRotation:
    """A compiled rotation: its hand-offs, and the hours in which it applies."""

    def __init__(self, rota: Rota) -> None:
        """Find the first hand-off: on the last hand-off day that is not later than `starts`."""
        day, clock = rota.moment
        back = 0 if day is None else (rota.starts.weekday() - day) % 7
        self.zone = ZoneInfo(rota.timezone)
        self.shift = rota.shift
        self.people = rota.people
        self._first = datetime.combine(rota.starts, clock) - timedelta(days=back)
        week = tuple(Day)
        self._hours = [(frozenset(week.index(day) for day in hours.days), hours.from_, hours.to) for hours in rota.only]
        self._begins: dict[int, datetime] = {}
        self._blocks: dict[int, list[datetime]] = {}

    def begins(self, number: int) -> datetime:
        """Return the moment, in UTC, at which turn `number` begins."""
        found = self._begins.get(number)
        if found is None:
            if len(self._begins) >= KEPT:
                self._begins.clear()
            found = self._begins[number] = instant(self._first + number * self.shift, self.zone)
        return found

    def number(self, now: datetime) -> int:
        """Return the number of the turn at `now`."""
        wall = now.astimezone(self.zone).replace(tzinfo=None)
        number = (wall - self._first) // self.shift
        # After a clock change, the estimate in wall-clock time is off by a few turns at most.
        while self.begins(number + 1) <= now:
            number += 1
        while self.begins(number) > now:
            number -= 1
        return number

    def counts(self, now: datetime) -> bool:
        """Return whether the rotation applies at `now`."""
        return not self._hours or bisect_right(self._open_hours(now), now) % 2 == 1

    def edges(self, now: datetime) -> tuple[datetime | None, datetime]:
        """Return the last moment, not later than `now`, and the first later one, at which it may change hands.

        The first is None before the rotation starts.
        """
        number = self.number(now)
        before = self.begins(number) if number >= 0 else None
        after = self.begins(max(number + 1, 0))
        if not self._hours:
            return before, after
        hours = self._open_hours(now)
        place = bisect_right(hours, now)
        if place and now - hours[place - 1] < NEAR:
            before = hours[place - 1] if before is None else max(before, hours[place - 1])
        if place < len(hours) and hours[place] - now < NEAR:
            after = min(after, hours[place])
        return before, after

    def _open_hours(self, now: datetime) -> list[datetime]:
        # The times around `now` at which its hours begin and end, cached.
        block = now.astimezone(self.zone).toordinal() // BLOCK
        if block not in self._blocks:
            if len(self._blocks) >= BLOCKS:
                self._blocks.clear()
            self._blocks[block] = self._merged(block * BLOCK - REACH, (block + 1) * BLOCK + REACH)
        return self._blocks[block]

    def _merged(self, first: int, last: int) -> list[datetime]:
        found: list[datetime] = []
        for begins, ends in sorted(self._spans(first, last)):
            if found and begins <= found[-1]:
                found[-1] = max(ends, found[-1])
            elif begins < ends:  # the clocks may skip all of it
                found += (begins, ends)
        return found

    def _spans(self, first: int, last: int) -> Iterator[tuple[datetime, datetime]]:
        for day in map(date.fromordinal, range(first, last)):
            for days, opens, closes in self._hours:
                if day.weekday() in days:
                    closing = day if closes > opens else day + timedelta(days=1)
                    begins = instant(datetime.combine(day, opens), self.zone)
                    yield begins, instant(datetime.combine(closing, closes), self.zone)


class CompiledLayer:
    """A rotation with its changes: the last change in effect applies."""

    def __init__(self, line: Line, *, always: bool) -> None:
        """`always`: its first person is on call before it starts; otherwise it does not apply before it starts."""
        self._wheels = [CompiledRotation(rota) for rota in (line, *line.rotations)]
        starts = [wheel.begins(0) for wheel in self._wheels]
        self._starts: list[datetime | None] = [None if always else starts[0], *starts[1:]]

    def turn(self, now: datetime, away: Away) -> Turn | None:
        """Return the turn at `now`; None if the rotation does not apply then."""
        change = self._change(now)
        if change is None:
            return None
        wheel = self._wheels[change]
        if not wheel.counts(now):
            return None
        number, people = max(wheel.number(now), -1), wheel.people
        for step in range(len(people)):
            person = people[(max(number, 0) + step) % len(people)]
            if not away(person, now):
                covers = person != people[max(number, 0) % len(people)]
                return Turn(person, number, change, covers)
        return Turn(None, number, change)

    def edges(self, now: datetime) -> tuple[datetime | None, datetime]:
        """Return the last moment, not later than `now`, and the first later one, at which it may change hands."""
        change = self._change(now)
        if change is None:
            # A change in another time zone may take effect before the rotation that it changes.
            return None, min(start for start in self._starts if start is not None)
        before, after = self._wheels[change].edges(now)
        start = self._starts[change]
        if start is not None:
            before = start if before is None else max(before, start)
        # Changes in different time zones may take effect in another order than that of their days.
        return before, min([after, *(later for later in self._starts[change + 1 :] if later is not None)])

    def _change(self, now: datetime) -> int | None:
        held = [index for index, start in enumerate(self._starts) if start is None or start <= now]
        return held[-1] if held else None


def hand_off(rota: Rota, turn: int) -> datetime:
    """Return the moment, in UTC, at which turn `turn` begins; turn 0 is the first person's first."""
    return CompiledRotation(rota).begins(turn).astimezone(UTC)
