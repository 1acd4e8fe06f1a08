"""Who is on call: a schedule and a moment give a shift. Pure.

A rotation counts in wall-clock time, so that `Monday 09:00` stays 09:00 when the clocks change. A hand-off at a
time that the clocks skip happens at the moment of the skip; at a time that comes twice, the first time: once each.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from receiver.model.base import Frozen
from receiver.model.oncall import Schedule


class Shift(Frozen):
    """One turn of one person. Times are in UTC."""

    person: str
    """A key of `people`."""
    since: datetime | None
    """When it began; None before the schedule starts, when the first person stands in."""
    until: datetime
    """When it ends."""
    next: str
    """Who follows."""


def on_call(schedule: Schedule, now: datetime) -> Shift:
    """Return the shift that holds at `now`: it has begun, and ends later.

    Before the first hand-off of the schedule it is the first person's, without `since`.
    """
    turn = max(_turn(schedule, now), 0)
    begins, people = hand_off(schedule, turn), schedule.people
    return Shift(
        person=people[turn % len(people)],
        since=begins if begins <= now else None,
        until=hand_off(schedule, turn + 1),
        next=people[(turn + 1) % len(people)],
    )


def hand_off(schedule: Schedule, turn: int) -> datetime:
    """Return the moment, in UTC, at which turn `turn` begins; turn 0 is the first person's first."""
    return _moment(_anchor(schedule) + turn * schedule.shift, ZoneInfo(schedule.timezone))


def _anchor(schedule: Schedule) -> datetime:
    # The wall-clock begin of turn 0: the last hand-off day that is not later than `starts`.
    day, clock = schedule.moment
    back = 0 if day is None else (schedule.starts.weekday() - day) % 7
    return datetime.combine(schedule.starts, clock) - timedelta(days=back)


def _turn(schedule: Schedule, now: datetime) -> int:
    wall = now.astimezone(ZoneInfo(schedule.timezone)).replace(tzinfo=None)
    turn = (wall - _anchor(schedule)) // schedule.shift
    # Where the clocks changed, the estimate in wall-clock time is off by one at most.
    while hand_off(schedule, turn + 1) <= now:
        turn += 1
    while hand_off(schedule, turn) > now:
        turn -= 1
    return turn


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    before = wall.replace(tzinfo=zone).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) == wall:
        return before
    # The clocks skip `wall`. Read with the offset after the skip it lies before it, and the other way round.
    low, high = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), before
    new = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == new:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)
