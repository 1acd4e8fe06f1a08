"""Deadlines that count only the time in which this process ran.

A process that is throttled, stopped or busy sees its own delays as the server's. A wall-clock deadline then fires
although the answer is already in the socket, and a healthy store is declared away (reliability F1, F11). These
deadlines advance only while the event loop turns on schedule, so what they expire of is the other side's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from receiver.clock import Clock

TICK = 0.05
"""Seconds between two looks at the deadlines: each expires late by this at most."""
COUNTED = 0.06
"""Seconds that one look adds at most; what a look was late by is this process's own delay and is not counted."""


class LoopTime:
    """The seconds in which the event loop turned on schedule, and the deadlines that are counted in them.

    One timer serves every deadline, and only while there are any.
    """

    def __init__(self, monotonic: Callable[[], float] | None = None) -> None:
        """`monotonic` returns wall-clock seconds since an unknown moment."""
        self._monotonic = monotonic or Clock().monotonic
        self._ran = 0.0
        self._last = 0.0
        self._deadlines: dict[Deadline, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def deadline(self, seconds: float) -> Deadline:
        """Return an async context manager that raises TimeoutError once its body has run for `seconds` of loop time."""
        return Deadline(self, seconds)

    def start(self, deadline: Deadline, seconds: float) -> None:
        """Count `deadline` from now on."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._loop is not loop:
            self._loop, self._last = loop, self._monotonic()
            self._timer = loop.call_later(TICK, self._look)
        self._deadlines[deadline] = self._ran + seconds

    def stop(self, deadline: Deadline) -> None:
        """Count `deadline` no longer."""
        self._deadlines.pop(deadline, None)

    def _look(self) -> None:
        now = self._monotonic()
        self._ran += min(now - self._last, COUNTED)
        self._last = now
        for deadline in [one for one, until in self._deadlines.items() if self._ran >= until]:
            del self._deadlines[deadline]
            deadline.expire()
        self._timer = None
        if self._deadlines and self._loop is not None:
            self._timer = self._loop.call_later(TICK, self._look)


class Deadline:
    """One deadline of a LoopTime. Built on asyncio.timeout, so that a cancellation from elsewhere stays one."""

    def __init__(self, time: LoopTime, seconds: float) -> None:
        """Nothing is counted before the context is entered."""
        self._time = time
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)

    def expire(self) -> None:
        """End the body of the context with a TimeoutError."""
        self._timeout.reschedule(0)

    async def __aenter__(self) -> Deadline:
        """Start to count."""
        await self._timeout.__aenter__()
        self._time.start(self, self._seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting. Raises TimeoutError when the deadline has expired."""
        self._time.stop(self)
        await self._timeout.__aexit__(kind, error, trace)
