"""Bodies that were refused before they were read: nobody knows yet whether they page anybody."""

from __future__ import annotations

MOST_BYTES = 32 * 1024 * 1024
"""Bytes of the bodies that are kept."""


class UnreadBodies:
    """Bodies in the order in which they were refused first; one that is refused again is kept once."""

    def __init__(self) -> None:
        """None was refused."""
        self._since: dict[bytes, float] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._since)

    def add(self, body: bytes, now: float) -> bool:
        """Keep a body that was refused at monotonic `now`; return False where there is no room for it."""
        if body in self._since:
            return True
        if self._bytes + len(body) > MOST_BYTES:
            return False
        self._since[body] = now
        self._bytes += len(body)
        return True

    def take(self) -> tuple[bytes, float]:
        """Return and forget the oldest, and when it was refused first. Raises StopIteration where there is none."""
        body = next(iter(self._since))
        self._bytes -= len(body)
        return body, self._since.pop(body)

    def bodies(self) -> list[bytes]:
        """Return all of them. Safe to call from another thread."""
        return list(self._since)
