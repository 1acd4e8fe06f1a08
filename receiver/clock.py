"""The only module that reads a clock.

Replicas must agree on due work, so a clock follows the store's: between two reads of the store, the machine's monotonic
clock advances it, and changes of the machine's own date have no effect. A jump of the store's clock has no effect
either: the replicas keep their time, and agree on its offset from the store's clock (docs/adr/0013).
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.model.agreed_time import AgreedTime
from receiver.model.setting_values import parse_duration

NEAR = 10.0
"""Seconds by which a clock may differ from the agreed time by drift; more is a jump."""
LONGEST_KEPT = 2 * 3600.0
"""Maximum jump of the store's clock in seconds for which the time is kept; a larger jump means that the time was wrong
before, or that it is so wrong that the wrong people would be on call."""
SLEW_EVERY = 10.0
"""Seconds between two reductions of the offset from the store's clock."""
SLEW = 1 / 120
"""The reduction as a fraction of the elapsed time: a step that is an hour away is moved by 30 s."""
_CARRIER: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that also counts while the machine is suspended, if there is one."""


class Clock:
    """The store's time, or this machine's until the store was first read.

    From the first `sync` on, `now` never decreases, except through `step`. A clock that is ahead runs at half speed
    until the store has caught up: stepping back would put events out of order, and stopping would delay due work.
    """

    def __init__(self) -> None:
        self._synced = False
        self._steps = 0
        self.set_back = timedelta()
        """How far it was last set back."""
        self._offset = timedelta()
        """How far the agreed time is ahead of the store's clock."""
        self._anchor(time.time(), ahead=0.0)

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return datetime.fromtimestamp(self._seconds(), UTC)

    def store_now(self) -> datetime:
        """Return the store's time, which differs from `now` after its clock has jumped."""
        return self.now() - self._offset

    def monotonic(self) -> float:
        """Return seconds since an unknown moment, for deadlines and durations; `sync` does not change it."""
        return time.monotonic()

    def sync(self, store_time: datetime, took: float = 0.0) -> timedelta:
        """Follow the store's clock, which read `store_time`; `took`: seconds of that round trip.

        Returns how far this clock was ahead of it.
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

    @property
    def steps(self) -> int:
        """How often the agreed time was set at once, as far as this clock has followed."""
        return self._steps

    def step(self, moment: datetime) -> None:
        """Set the clock to `moment`, even if that is earlier."""
        self._anchor(moment.timestamp(), ahead=0.0)
        self._synced = True

    def look(self, store_time: datetime, agreed: AgreedTime, took: float = 0.0) -> AgreedTime | None:
        """Follow the agreed time based on the store's clock; return a new agreement, or None.

        A jump of the store's clock changes the offset from it. A jump by more than two hours, or one that other
        replicas have followed, sets this clock; AgreedTime.steps then counts it. `took`: seconds of the round trip; a
        slow response proves nothing.
        """
        if self._synced and took > NEAR / 2:
            return None
        store = store_time.timestamp()
        told = store + agreed.offset_ms / 1000
        shown = None if agreed.shown_ms is None else agreed.shown_ms / 1000
        if not self._synced:
            return self._first(store, told, shown, agreed)
        if agreed.steps > self._steps:
            return self._follow(told, agreed, at_once=True)
        ahead = self._seconds() - told
        # If the others' clocks agree with the store, only this one is wrong, because its process was suspended.
        alone = shown is not None and abs(shown - told) <= NEAR < abs(shown - self._seconds())
        if abs(ahead) <= NEAR or alone:
            return self._follow(told, agreed, at_once=ahead > LONGEST_KEPT)
        return self._jumped(self._seconds(), store, agreed)

    def slewed(self, agreed: AgreedTime) -> AgreedTime | None:
        """Return the agreed time slightly closer to the store's clock; None if it is not time for that."""
        now_ms = round(self._seconds() * 1000)
        if not agreed.offset_ms or now_ms - agreed.slewed_ms < SLEW_EVERY * 1000:
            return None
        most = round(SLEW_EVERY * SLEW * 1000)
        by = max(-most, min(most, agreed.offset_ms))
        return replace(agreed, offset_ms=agreed.offset_ms - by, shown_ms=now_ms, slewed_ms=now_ms)

    def _first(self, store: float, told: float, shown: float | None, agreed: AgreedTime) -> AgreedTime | None:
        if shown is None or told >= shown - NEAR:
            return self._follow(told, agreed, at_once=True)
        # The store's clock went back while no replica ran: due times refer to the last recorded time.
        return self._jumped(shown, store, agreed)

    def _jumped(self, own: float, store: float, agreed: AgreedTime) -> AgreedTime:
        steps = max(self._steps, agreed.steps)
        if abs(own - store) > LONGEST_KEPT:
            self._steps, self._offset, self.set_back = steps + 1, timedelta(), timedelta(seconds=own - store)
            self.step(datetime.fromtimestamp(store, UTC))
            return AgreedTime(0, round(store * 1000), 0, self._steps)
        self._steps = steps
        if not self._synced:
            self.step(datetime.fromtimestamp(own, UTC))
        now_ms = round(own * 1000)
        self._offset = timedelta(seconds=own - store)
        return AgreedTime(now_ms - round(store * 1000), now_ms, now_ms, steps)

    def _follow(self, told: float, agreed: AgreedTime, *, at_once: bool) -> AgreedTime | None:
        moment = datetime.fromtimestamp(told, UTC)
        if at_once and self._synced:
            self.set_back = self.now() - moment
        self._steps, self._offset = agreed.steps, timedelta(milliseconds=agreed.offset_ms)
        if at_once:
            self.step(moment)
        else:
            self.sync(moment)
        return None

    def _anchor(self, shown: float, *, ahead: float) -> None:
        self._since = self._carried()
        self._shown = shown
        self._ahead = ahead

    def _seconds(self) -> float:
        elapsed = self._carried() - self._since
        return self._shown + elapsed - min(self._ahead, elapsed / 2)

    def _carried(self) -> float:
        return time.clock_gettime(_CARRIER)


class FakeClock(Clock):
    """A clock that moves only on request, for tests and for dry runs over the next hours."""

    def __init__(self, start: datetime) -> None:
        """It starts at `start`, which must have a time zone."""
        if start.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        self._elapsed = 0.0
        super().__init__()
        self._anchor(start.timestamp(), ahead=0.0)

    def monotonic(self) -> float:
        """Return the seconds by which it was moved forward so far."""
        return self._elapsed

    def _carried(self) -> float:
        return self._elapsed

    def forward(self, by: timedelta | str) -> datetime:
        """Move forward by a duration (`15m`, or a timedelta) and return the new time. Raises ValueError below zero."""
        self._elapsed += parse_duration(by).total_seconds()
        return self.now()
