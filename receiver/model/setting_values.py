"""Parses quantities in a configuration: `15m`, `32MiB`, `99.9%`, `09:00`, `Europe/Berlin`.

Every parser raises ValueError with the problem and, in parentheses, the correction; the message repeats the text only
if it cannot be a secret.
"""

from __future__ import annotations

import difflib
import re
from datetime import time, timedelta
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator

LONGEST = timedelta(days=36_500)
"""A hundred years: more is a mistake, and this is far below the overflow of a date."""

_PARTS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZE = re.compile(r"(\d{1,12})\s*([A-Za-z]*)")
_BYTES = {
    "": 1, "B": 1,
    "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def parse_duration(value: object) -> timedelta:
    """Return the duration of `15m`, `1m30s`, `1.5h`, `400d` or `0s`; units are ms, s, m, h, d and w.

    A timedelta is returned unchanged. Raises ValueError for everything else, including a bare number.
    """
    if isinstance(value, timedelta):
        duration = value
    elif isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a duration (write a number and a unit, such as 15m, 30s or 1h)")
    else:
        duration = _read_duration(str(value).strip())
    if duration < timedelta(0):
        raise ValueError("a duration cannot be negative (write 0s for none)")
    if duration > LONGEST:
        raise ValueError("longer than a hundred years (write something shorter, such as 400d)")
    return duration


def _read_duration(text: str) -> timedelta:
    if _NUMBER.fullmatch(text):
        raise ValueError(f"a duration needs a unit (write {text}s, {text}m or {text}h)")
    seconds, end = 0.0, 0
    for part in _PARTS.finditer(text):
        if part.start() != end:
            break
        seconds, end = seconds + float(part[1]) * _SECONDS[part[2]], part.end()
    if not text or end != len(text):
        raise ValueError("not a duration (write a number and a unit: ms, s, m, h, d or w, such as 15m, 30s or 1m30s)")
    return timedelta(seconds=min(seconds, 2 * LONGEST.total_seconds()))


def parse_size(value: object) -> int:
    """Return the bytes of `32MiB`, `1MB` or a bare whole number. Raises ValueError for everything else."""
    match = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
    if match is None or match[2] not in _BYTES:
        raise ValueError("not a size (write a whole number and B, KB, MB, GB, KiB, MiB or GiB, such as 32MiB)")
    return int(match[1]) * _BYTES[match[2]]


def parse_number(value: object) -> float:
    """Return the number of `12`, `0.05` or `5%` (0.05). Raises ValueError for everything else."""
    text = str(value).strip()
    percent = text.endswith("%")
    digits = text.removesuffix("%").rstrip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(digits):
        raise ValueError("not a number (write a number or a percentage, such as 0.05 or 5%)")
    return float(digits) / 100 if percent else float(digits)


def parse_ratio(value: object) -> float:
    """Return the ratio from 0 to 1 of `99.9%` or `0.999`. Raises ValueError for everything else."""
    ratio = parse_number(value)
    if not 0 <= ratio <= 1:
        raise ValueError("not between 0% and 100% (write a percentage, such as 99.9%)")
    return ratio


def parse_clock(value: object) -> time:
    """Return the time of day of `09:00`, without a zone. Raises ValueError for everything else."""
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a time of day (write hours and minutes in two digits each, such as '09:00')")
    return time(int(match[1]), int(match[2]))


def check_zone(name: str) -> str:
    """Return `name` if it is a time zone of the IANA database. Raises ValueError with the most similar one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, sorted(available_timezones()), 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else "write a name of the IANA database, such as UTC or Europe/Berlin"
        raise ValueError(f"no such time zone ({hint})") from None
    return name


@cache
def zone_names() -> tuple[str, ...]:
    """Return the time zones that mean the same on every machine, sorted; `localtime` does not."""
    return tuple(sorted(available_timezones() - {"localtime"}))


def known_zone(name: str) -> str:
    """Return `name` if it is in `zone_names`. Raises ValueError."""
    if name not in zone_names():
        check_zone(name)
        raise ValueError("no such time zone (write an IANA name, such as UTC or Europe/Berlin)")
    return name


def _positive(value: Any) -> Any:
    if not value:
        raise ValueError("must be more than zero (write a duration such as 15m)")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
"""Zero or more."""
PositiveDuration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes."""
Number = Annotated[float, BeforeValidator(parse_number)]
Ratio = Annotated[float, BeforeValidator(parse_ratio)]
"""From 0 to 1."""
ClockTime = Annotated[time, BeforeValidator(parse_clock)]
ZoneName = Annotated[str, AfterValidator(check_zone)]
