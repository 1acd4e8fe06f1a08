"""How many lines of the log refused requests may write: strangers must not fill a disk."""

from __future__ import annotations

LINES = 10
"""Lines in a second."""


class RefusalLog:
    """Lets so many log lines of refusals through a second: what is refused must cost less than what is taken."""

    def __init__(self) -> None:
        """Nothing was refused yet."""
        self._second = -1
        self._lines = 0
        self._left_out = 0

    def line(self, now: float) -> int | None:
        """Return how many refusals had no line since the last one that has; None where this one has none either."""
        if int(now) > self._second:
            self._second, self._lines = int(now), 0
        if self._lines >= LINES:
            self._left_out += 1
            return None
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
