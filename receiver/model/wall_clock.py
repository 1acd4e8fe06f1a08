"""Converts wall-clock time in a zone to UTC.

A time that the clocks skip is the moment of the skip; a time that occurs twice is its first occurrence. Therefore each
time is unique, and a later wall-clock time is never before an earlier one.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)
"""Days outside this range are mistakes, and arithmetic with them would overflow a datetime."""

_WHEN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:\d{2})?)?")
_WRITE = "write a day such as 2026-12-24, or a time such as 2026-12-24T09:00 or 2026-12-24T09:00:00Z"


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the time, in UTC, at which clocks in `zone` first show `wall` (without a zone)."""
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) == wall:
        return before
    # The clock change skips `wall`. With the offset after the change it is before it, and vice versa.
    low, high = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), before
    new = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == new:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


YEARS = "^(19[7-9][0-9]|2[01][0-9]{2})-"
"""The same as a pattern, for descriptions."""


def check_day(day: date) -> date:
    """Return `day` if it is in a plausible range. Raises ValueError otherwise."""
    if not FIRST <= day <= LAST:
        raise ValueError(f"not a day between {FIRST} and {LAST} (write year-month-day, such as 2026-11-02)")
    return day


def check_when(value: object) -> str:
    """Return the text of a day or a time; parse_when reads it. Raises ValueError for everything else."""
    text = value.isoformat() if isinstance(value, date) else value
    match = _WHEN.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"neither a day nor a time ({_WRITE})")
    try:
        check_day(date.fromisoformat(match[1]))
        if match[2]:
            datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}")
    except ValueError as error:
        raise ValueError(str(error) if "(" in str(error) else f"no such day or time ({_WRITE})") from None
    return match[0]


def parse_when(text: str, zone: ZoneInfo, *, ends: bool = False) -> datetime:
    """Return the time, in UTC, of a text that check_when accepts; without an offset it is in the time zone `zone`.

    A day alone means its beginning, or with `ends` its end, so that a span of days includes the last one.
    """
    if len(text) == len("2026-12-24"):
        midnight = datetime.combine(date.fromisoformat(text), time())
        return instant(midnight + timedelta(days=1 if ends else 0), zone)
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else instant(moment, zone)


def check_span(begins: str, ends: str) -> None:
    """Raise ValueError unless `ends` is after `begins`."""
    utc = ZoneInfo("UTC")
    # If only one of them has an offset, they can be compared only with their zone.
    mixed = _offset(begins) != _offset(ends)
    slack = timedelta(hours=26) if mixed else timedelta()
    if parse_when(ends, utc, ends=True) + slack <= parse_when(begins, utc):
        raise ValueError("it ends before it begins (write an `until` that is later than `from`)")


def _offset(text: str) -> bool:
    match = _WHEN.fullmatch(text)
    return bool(match and match[3])


def _when(value: Any) -> Any:
    return check_when(value)


When = Annotated[str, BeforeValidator(_when)]
"""A day (`2026-12-24`), or a time with or without an offset (`2026-12-24T09:00`)."""
