"""Alertmanager's time intervals: decides whether a moment is in one, like its package timeinterval."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
DAY_END = 24 * 60
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,4}", re.ASCII)
KEYS = ("times", "weekdays", "days_of_month", "months", "years", "location")

Range = tuple[int, int]
"""The first and the last value; both are included."""


class UnreadableInterval(ValueError):
    """An interval that is not supported; the text names the part."""


@dataclass(frozen=True)
class TimeInterval:
    """One interval. A part that is None is not checked; all others must match."""

    times: tuple[Range, ...] | None = None
    """Minutes of the day: the first is included, the last is not."""
    weekdays: tuple[Range, ...] | None = None
    """Sunday is 0."""
    days_of_month: tuple[Range, ...] | None = None
    """Negative ones count from the end of the month: -1 is its last day."""
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    zone: tzinfo = UTC

    def contains(self, moment: datetime) -> bool:
        """Return whether `moment` is in it."""
        here = moment.astimezone(self.zone)
        minute = here.hour * 60 + here.minute
        if self.times is not None and not any(first <= minute < last for first, last in self.times):
            return False
        if self.days_of_month is not None and not any(_on(day, here) for day in self.days_of_month):
            return False
        asked = ((self.months, here.month), (self.weekdays, here.isoweekday() % 7), (self.years, here.year))
        return all(ranges is None or any(a <= value <= b for a, b in ranges) for ranges, value in asked)


def _on(days: Range, here: datetime) -> bool:
    last = calendar.monthrange(here.year, here.month)[1]
    begin, end = (last + day + 1 if day < 0 else day for day in days)
    # A range that begins after the end of this month does not begin in it.
    return begin <= last and begin <= here.day <= min(end, last)


def read_interval(value: Any) -> TimeInterval:
    """Return the interval in `value`, as a file or Alertmanager's API writes it. Raises UnreadableInterval."""
    if not isinstance(value, Mapping):
        raise UnreadableInterval("not a mapping")
    if unknown := [str(key) for key in value if key not in KEYS]:
        raise UnreadableInterval(f"unknown key {unknown[0][:40]}")
    return TimeInterval(
        times=_each(value, "times", _time_range),
        weekdays=_each(value, "weekdays", lambda text: _range(text, _weekday)),
        days_of_month=_each(value, "days_of_month", lambda text: _range(text, _number)),
        months=_each(value, "months", lambda text: _range(text, _month)),
        years=_each(value, "years", lambda text: _range(text, _number)),
        zone=_zone(value.get("location")),
    )


def _each(value: Mapping[str, Any], key: str, read: Callable[[Any], Range]) -> tuple[Range, ...] | None:
    given = value.get(key)
    if given is None:
        return None
    if not isinstance(given, list):
        raise UnreadableInterval(f"{key} is not a list")
    try:
        return tuple(read(one) for one in given)
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableInterval(f"{key}: {error}") from None


def _time_range(given: Any) -> Range:
    first, last = _minute(given["start_time"]), _minute(given["end_time"])
    if first >= last:
        raise ValueError("start_time is not before end_time")
    return first, last


def _minute(text: Any) -> int:
    found = _TIME.fullmatch(str(text))
    if found is None:
        raise ValueError("not a time of day such as 09:00")
    return DAY_END if found[1] is None else int(found[1]) * 60 + int(found[2])


def _range(text: Any, read: Callable[[str], int]) -> Range:
    first, colon, last = str(text).strip().lower().partition(":")
    begin = read(first)
    return begin, read(last) if colon else begin


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return int(text)


def _weekday(text: str) -> int:
    return WEEKDAYS.index(text)


def _month(text: str) -> int:
    return MONTHS.index(text) + 1 if text in MONTHS else _number(text)


def _zone(name: Any) -> tzinfo:
    if name in (None, "", "UTC"):
        return UTC
    try:
        # Local is the time zone of the machine that Alertmanager runs on, which is unknown here.
        if name == "Local":
            raise ValueError
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnreadableInterval(f"unknown location {str(name)[:40]}") from None
