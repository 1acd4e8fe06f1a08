"""Deadlines that count only the time in which this process ran.

A process that is throttled, stopped or busy sees its own delays as the server's. A wall-clock deadline then fires
although the response is already in the socket, and a healthy store is considered unavailable. These deadlines advance
only while the event loop runs on schedule, so they count only the other side's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from receiver.clock import Clock

TICK = 0.05
"""Seconds between two checks of the deadlines: the maximum delay of an expiry."""
COUNTED = 0.06
"""Maximum seconds that one check adds; the time by which a check was late is this process's own delay."""


Result = TypeVar("Result")


class LoopTime:
    """The seconds in which the event loop ran on schedule, and the deadlines that are counted in them.

    One timer serves every deadline, and only while there are any.
    """

    def __init__(self, monotonic: Callable[[], float] | None = None) -> None:
        """`monotonic` returns wall-clock seconds since an unknown moment."""
        self._monotonic = monotonic or Clock().monotonic
        self._ran = 0.0
        self._behind = 0.0
        """Seconds by which the checks were late, because this process was busy."""
        self._last = 0.0
        self._deadlines: dict[Deadline, float] = {}
        self._limits: dict[asyncio.Future[Any], float] = {}
        """Futures with waiters, each with the wall-clock time at which the wait ends."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Return wall-clock seconds since an unknown moment."""
        return self._monotonic()

    @property
    def behind(self) -> float:
        """Seconds by which the event loop has been late while there were deadlines, since the start."""
        return self._behind

    def deadline(self, seconds: float) -> Deadline:
        """Return an async context manager that raises TimeoutError once its body has run for `seconds` of loop time."""
        return Deadline(self, seconds)

    async def within(self, seconds: float, future: asyncio.Future[Result]) -> Result:
        """Return the result of `future`. Raises TimeoutError after `seconds` of wall-clock time.

        It is late by `TICK` at most. `asyncio.timeout` has its own timer and takes 5 % of the CPU of a repeated
        notification; this only needs an entry in a dictionary.
        """
        self._wake()
        self._limits[future] = self._monotonic() + seconds
        try:
            return await future
        finally:
            self._limits.pop(future, None)
            del future  # the frames of what it raises would lead back to it

    def start(self, deadline: Deadline, seconds: float) -> None:
        """Start counting `deadline`."""
        self._wake()
        self._deadlines[deadline] = self._ran + seconds

    def _wake(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is None or self._loop is not loop:
            self._loop, self._last = loop, self._monotonic()
            self._timer = loop.call_later(TICK, self._look)

    def stop(self, deadline: Deadline) -> None:
        """Stop counting `deadline`."""
        self._deadlines.pop(deadline, None)

    def _look(self) -> None:
        now = self._monotonic()
        self._ran += min(now - self._last, COUNTED)
        self._behind += max(0.0, now - self._last - TICK)
        self._last = now
        for deadline in [one for one, until in self._deadlines.items() if self._ran >= until]:
            del self._deadlines[deadline]
            deadline.expire()
        for future in [one for one, until in self._limits.items() if now >= until]:
            del self._limits[future]
            if not future.done():
                future.set_exception(TimeoutError())
        self._timer = None
        if (self._deadlines or self._limits) and self._loop is not None:
            self._timer = self._loop.call_later(TICK, self._look)


class Deadline:
    """One deadline of a LoopTime. It is based on asyncio.timeout, so that a cancellation from elsewhere remains one."""

    def __init__(self, time: LoopTime, seconds: float) -> None:
        """Counting starts when the context is entered."""
        self._time = time
        self._seconds = seconds
        self._began = 0.0
        self._timeout = asyncio.timeout(None)

    @property
    def behind(self) -> float:
        """Seconds by which the event loop has been late since the context was entered."""
        return self._time.behind - self._began

    def expire(self) -> None:
        """End the body of the context with a TimeoutError."""
        self._timeout.reschedule(0)

    async def __aenter__(self) -> Deadline:
        """Start counting."""
        await self._timeout.__aenter__()
        self._time.start(self, self._seconds)
        self._began = self._time.behind
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting. Raises TimeoutError if the deadline has expired."""
        self._time.stop(self)
        await self._timeout.__aexit__(kind, error, trace)
