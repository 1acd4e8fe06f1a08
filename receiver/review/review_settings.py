"""The settings of reviews: time zone, categories, objectives, and severities that require a post-mortem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

NIGHT = (22, 6)
"""The hours of the night, in the time zone of the paged person."""


@dataclass(frozen=True)
class Budget:
    """An objective whose error budget the incident spends."""

    name: str
    target: float
    """The fraction of the time that must be good, 0 to 1."""
    window: timedelta
    severities: tuple[str, ...] = ()
    """Incidents that spend it; none named: all."""
    promql: str | None = None
    """A query for the bad fraction over `{{ window }}`; None: the duration of incidents counts as bad."""


@dataclass(frozen=True)
class ReviewTargets:
    """The configuration as the review needs it."""

    zone: str = "UTC"
    """Of months and of days."""
    categories: tuple[str, ...] = ("labels.category", "labels.service")
    """An incident's category: the first of these that it has."""
    budgets: tuple[Budget, ...] = ()
    written: frozenset[str] = frozenset()
    """Severities that require a post-mortem."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """The zone of each person who has one."""


@dataclass(frozen=True)
class Month:
    """A calendar month in a time zone: its beginning and that of the next month, both in UTC."""

    name: str
    begins: datetime
    ends: datetime

    @property
    def title(self) -> str:
        """`November 2026`."""
        return f"{_NAMES[int(self.name[5:]) - 1]} {self.name[:4]}"


def month_of(name: str, zone: str) -> Month:
    """Return the month `2026-11`. Raises ValueError with a correction."""
    year, dash, month = name.partition("-")
    good = dash and len(year) == 4 and len(month) == 2 and (year + month).isdigit() and name.isascii()
    if not good or not 1 <= int(month) <= 12 or not 2000 <= int(year) <= 2100:
        raise ValueError(f"{name[:20]!r} is not a month (write it as 2026-11)")
    number = int(year) * 12 + int(month) - 1
    return Month(name, _first(number, zone), _first(number + 1, zone))


def month_at(now: datetime, zone: str) -> Month:
    """Return the month of `now`."""
    there = now.astimezone(ZoneInfo(zone))
    return month_of(f"{there.year:04}-{there.month:02}", zone)


def before(month: Month, zone: str, count: int = 1) -> Month:
    """Return the month `count` months earlier."""
    number = int(month.name[:4]) * 12 + int(month.name[5:]) - 1 - count
    return Month(f"{number // 12:04}-{number % 12 + 1:02}", _first(number, zone), _first(number + 1, zone))


def quarter_of(month: Month, zone: str) -> datetime:
    """Return when the quarter of `month` began."""
    return before(month, zone, (int(month.name[5:]) - 1) % 3).begins


def _first(number: int, zone: str) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
