"""The only place that reads a clock.

Replicas must agree on what is due, so a clock follows the store's: the machine's monotonic clock carries the time
between two looks at the store, and no change of the machine's own date moves it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from receiver.model.units import parse_duration


class Clock:
    """Time as the store tells it, and as this machine's does until the store was first heard.

    From the first `sync` on `now` never decreases. A clock that turns out to be ahead is slowed to half speed until
    the store has caught up: stepping back would stamp events out of order, standing still would hold up what is due.
    """

    def __init__(self) -> None:
        self._synced = False
        self._anchor(time.time(), ahead=0.0)

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.fromtimestamp(self._seconds(), UTC)

    def monotonic(self) -> float:
        """Return seconds since an unknown moment: for deadlines and durations, untouched by `sync`."""
        return time.monotonic()

    def sync(self, store_time: datetime, took: float = 0.0) -> timedelta:
        """Follow the store, whose clock said `store_time` when asked; `took` are the seconds of that round trip.

        Returns how far this clock was from it, positive when it was ahead.
        """
        truth = store_time.timestamp() + took / 2
        shown = self._seconds()
        ahead = shown - truth
        if ahead <= 0 or not self._synced:
            self._anchor(truth, ahead=0.0)
        else:
            self._anchor(shown, ahead=ahead)
        self._synced = True
        return timedelta(seconds=ahead)

    def _anchor(self, shown: float, *, ahead: float) -> None:
        self._since = self.monotonic()
        self._shown = shown
        self._ahead = ahead

    def _seconds(self) -> float:
        elapsed = self.monotonic() - self._since
        return self._shown + elapsed - min(self._ahead, elapsed / 2)


class FakeClock(Clock):
    """A clock that moves only when pushed: for tests, and for a dry run that walks through the hours ahead."""

    def __init__(self, start: datetime) -> None:
        """It stands at `start`, which must carry a time zone."""
        if start.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        self._elapsed = 0.0
        super().__init__()
        self._anchor(start.timestamp(), ahead=0.0)

    def monotonic(self) -> float:
        """Return the seconds that it was pushed forward so far."""
        return self._elapsed

    def forward(self, by: timedelta | str) -> datetime:
        """Move on by a duration (`15m`, or a timedelta) and return the new moment. Raises ValueError below zero."""
        self._elapsed += parse_duration(by).total_seconds()
        return self.now()
