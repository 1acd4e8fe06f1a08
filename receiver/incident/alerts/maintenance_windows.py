"""Maintenance windows: when each is active, and for which alerts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from receiver.model.base import Kept
from receiver.model.oncall.schedule_settings import parse_handoff
from receiver.model.wall_clock import instant


class Window(Kept):
    """A time in which some alerts page no one: one time, or every week."""

    id: str = ""
    """The id of a window that was created at run time; "" for windows in the configuration."""
    name: str
    matchers: tuple[str, ...] = ()
    by: str = ""
    starts: datetime | None = None
    """Only for a one-time window."""
    ends: datetime | None = None
    weekly: str | None = None
    """Only for a recurring window: `Sunday 03:00`, in wall-clock time of `zone`."""
    lasts: float = 0.0
    """Seconds; only for a recurring window."""
    zone: str = "UTC"
    components: tuple[str, ...] = ()
    public_name: str = ""
    """Its title on the status page; empty: the status page names its components."""

    def holds(self, now: datetime) -> datetime | None:
        """Return when the occurrence that is active at `now` ends; None if it is not active."""
        if self.starts is not None and self.ends is not None:
            return self.ends if self.starts <= now < self.ends else None
        for begins in self._around(now):
            ends = begins + timedelta(seconds=self.lasts)
            if begins <= now < ends:
                return ends
        return None

    def next(self, now: datetime) -> datetime | None:
        """Return when it begins next, at or after `now`; None for a one-time window that has begun."""
        if self.starts is not None:
            return self.starts if self.starts >= now else None
        return min((begins for begins in self._around(now) if begins >= now), default=None)

    def _around(self, now: datetime) -> list[datetime]:
        # The beginnings in this week, the previous week and the next week, on the wall clock of its zone.
        if self.weekly is None:
            return []
        day, clock = parse_handoff(self.weekly)
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        monday = today - timedelta(days=today.weekday())
        weeks = range(-1 - int(self.lasts // 604800), 2)
        return [
            instant(datetime.combine(monday + timedelta(days=7 * week + (day or 0)), clock), zone) for week in weeks
        ]


Held = Callable[[Mapping[str, str], datetime], tuple[str, datetime] | None]


def holding(windows: list[tuple[Window, Callable[[Mapping[str, str]], bool]]]) -> Held:
    """Return a function of labels and a time that returns the name and end of the matching window that ends last."""
    if not windows:
        return lambda labels, now: None  # called for each alert

    def held(labels: Mapping[str, str], now: datetime) -> tuple[str, datetime] | None:
        found = [
            (window.name, ends)
            for window, matches in windows
            if matches(labels) and (ends := window.holds(now)) is not None
        ]
        return max(found, key=lambda one: one[1], default=None)

    return held
