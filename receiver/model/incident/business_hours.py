"""Business hours: a response time that counts only some hours of the week. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from receiver.model.incident.policy_snapshot import ResponseHours
from receiver.model.wall_clock import instant

LONGEST = 3660
"""Maximum number of days to look ahead: ten years of Mondays."""


def add_business_time(start: datetime, seconds: float, hours: ResponseHours | None, zone: str) -> datetime:
    """Return the time, in UTC, at which `seconds` have passed since `start`; with `hours`, only these count."""
    if hours is None:
        return start + timedelta(seconds=seconds)
    clock = ZoneInfo(zone)
    left = timedelta(seconds=seconds)
    day = start.astimezone(clock).date()
    for ahead in range(LONGEST):
        date = day + timedelta(days=ahead)
        if date.weekday() not in hours.days:
            continue
        opens = max(instant(datetime.combine(date, _wall(hours.opens)), clock), start)
        closes = instant(datetime.combine(date, _wall(hours.closes)), clock)
        if closes - opens >= left and closes > opens:
            return opens + left
        left -= max(closes - opens, timedelta())
    return start + timedelta(days=LONGEST)


def next_opening(at: datetime, hours: ResponseHours, zone: str) -> datetime | None:
    """Return when `hours` begin next after `at`, in UTC; None if `at` is within them, excluding their end."""
    clock = ZoneInfo(zone)
    day = at.astimezone(clock).date()
    for ahead in range(LONGEST):
        date = day + timedelta(days=ahead)
        if date.weekday() not in hours.days:
            continue
        opens = instant(datetime.combine(date, _wall(hours.opens)), clock)
        closes = instant(datetime.combine(date, _wall(hours.closes)), clock)
        if at < opens < closes:
            return opens
        if opens <= at < closes:
            return None
    return at + timedelta(days=LONGEST)


def _wall(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)
