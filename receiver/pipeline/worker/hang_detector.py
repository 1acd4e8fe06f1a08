"""A thread that ends the process if the event loop hangs or a task cannot be restarted; a supervisor restarts it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from receiver.clock import Clock

LIMIT = 30.0
"""Seconds after which an event loop that hangs, or a task that does not run, ends the process."""
LOOK = 1.0
"""Seconds between two checks of the thread."""
COUNTED = 1.5
"""Maximum seconds that one check adds: if the thread itself was late, the whole process was suspended."""
TURN = 0.5
"""Seconds between two signs of life of the loop."""
STILL = 5.0
"""Seconds without a sign of life after which waiting requests may be old, and their senders may have given up."""
LATE = 2.0
"""Seconds without a sign of life after which cached data from other systems may be outdated."""
CATCHES_UP = 1.0
"""Seconds after that during which such requests are read."""


@dataclass
class HangClock:
    """Counts for how long the loop has been blocked, excluding the time in which this process did not run. Pure."""

    turn: int = -1
    """The loop's last sign of life."""
    looked_at: float | None = None
    still: float = field(default=0.0)
    """Seconds for which there was no newer one."""

    def look(self, now: float, turn: int) -> float:
        """Check at monotonic `now`, with `turn` signs of life so far, and return for how long there was none."""
        passed = min(now - self.looked_at, COUNTED) if self.looked_at is not None else 0.0
        self.looked_at = now
        self.still = 0.0 if turn != self.turn else self.still + passed
        self.turn = turn
        return self.still


class HangDetector:
    """Monitors one event loop from a separate thread."""

    def __init__(
        self, clock: Clock, down: Callable[[], float], end: Callable[[str], None], limit: float | None = None
    ) -> None:
        """`down` returns the seconds for which some task has not run; `end` is called once, with the reason.

        Both are called in the thread.
        """
        self.clock = clock
        self.limit = LIMIT if limit is None else limit
        self._down = down
        self._end = end
        self._turns = 0
        self._turned_at: float | None = None
        self._caught_up_at = 0.0
        self._stops: deque[tuple[float, float]] = deque(maxlen=100)
        """The end and the length of each suspension of the process, oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start monitoring the running loop."""
        self._turn(asyncio.get_running_loop())
        self._thread = threading.Thread(target=self._watch, name="hang detector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop monitoring."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    def stood_still(self) -> bool:
        """Return whether this process was suspended or blocked just now, so that requests read now may have waited."""
        now = self.clock.monotonic()
        return now < self._caught_up_at or (self._turned_at is not None and now - self._turned_at > STILL)

    def stood_still_until(self, least: float = LATE) -> float:
        """Return the monotonic end of the last suspension of at least `least` seconds.

        Results from before it may be outdated. If it has only just ended, the result is now; -inf: never.
        """
        now = self.clock.monotonic()
        if self._turned_at is not None and now - self._turned_at >= max(least, LATE):
            return now
        return next((end for end, length in reversed(self._stops) if length >= least), -math.inf)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self.clock.monotonic()
        still = now - self._turned_at if self._turned_at is not None else 0.0
        if still > STILL:
            self._caught_up_at = now + CATCHES_UP
        if still >= LATE:
            self._stops.append((now, still))
        self._turned_at = now
        self._turns += 1
        self._timer = loop.call_later(TURN, self._turn, loop)

    def _watch(self) -> None:
        loop, tasks = HangClock(), HangClock()
        while not self._over.wait(LOOK):
            now = self.clock.monotonic()
            if (still := loop.look(now, self._turns)) >= self.limit:
                self._end(f"the event loop has been blocked for {still:.0f} s")
                return
            # The same for tasks: a sign of life is that each of them runs.
            alive = self._turns if self._down() == 0.0 else tasks.turn
            if (still := tasks.look(now, alive)) >= self.limit:
                self._end(f"a task could not be restarted for {still:.0f} s")
                return
