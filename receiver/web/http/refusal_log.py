"""Limits the log lines for refused requests, so that strangers cannot fill a disk."""

from __future__ import annotations

LINES = 10
"""Maximum number of lines per second."""


class RefusalLog:
    """Limits the log lines per second: a refused request must cost less than an accepted one."""

    def __init__(self) -> None:
        """Create it without refusals."""
        self._second = -1
        self._lines = 0
        self._left_out = 0

    def line(self, now: float) -> int | None:
        """Return the number of refusals without a line since the last line; None if this one gets no line either."""
        if int(now) > self._second:
            self._second, self._lines = int(now), 0
        if self._lines >= LINES:
            self._left_out += 1
            return None
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
