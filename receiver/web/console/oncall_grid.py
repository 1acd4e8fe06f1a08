"""Four weeks of a schedule, one cell per day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from receiver.pipeline.oncall.on_call_overview import Shift

DAYS = 28
COLORS = 8
"""Number of colors for people; with more people, several share a color, and the name distinguishes them."""


class Turn(NamedTuple):
    """A person's part of one day."""

    person: str | None
    since: datetime
    until: datetime
    reason: str


@dataclass
class Day:
    """One day in UTC."""

    begins: datetime
    turns: list[Turn] = field(default_factory=list)


def first_day(now: datetime) -> datetime:
    """Return the beginning, in UTC, of the Monday of the week that `now` is in."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def grid(shifts: Iterable[Shift], begins: datetime) -> list[Day]:
    """Return 28 days from `begins` on, each with its turns."""
    days = [Day(begins + timedelta(days=number)) for number in range(DAYS)]
    end = begins + timedelta(days=DAYS)
    for shift in shifts:
        since, until = max(shift.since or begins, begins), min(shift.until, end)
        for day in days:
            ends = day.begins + timedelta(days=1)
            if since < ends and until > day.begins:
                day.turns.append(Turn(shift.person, max(since, day.begins), min(until, ends), str(shift.reason)))
    return days


def colors(people: Sequence[str]) -> dict[str, int]:
    """Return the color of each person, the same on every page."""
    return {name: number % COLORS for number, name in enumerate(people)}
