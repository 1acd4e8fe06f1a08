"""Bodies that were refused before they were read: nobody knows yet whether they page anybody."""

from __future__ import annotations

from receiver.model.alert.sender import ANYBODY, Sender

MOST_BYTES = 32 * 1024 * 1024
"""Bytes of the bodies that are kept."""


class UnreadBodies:
    """Bodies in the order in which they were refused first; one that is refused again is kept once."""

    def __init__(self) -> None:
        """None was refused."""
        self._since: dict[tuple[bytes, Sender], float] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._since)

    def add(self, body: bytes, now: float, sender: Sender = ANYBODY) -> bool:
        """Keep a body that was refused at monotonic `now`; return False where there is no room for it."""
        if (body, sender) in self._since:
            return True
        if self._bytes + len(body) > MOST_BYTES:
            return False
        self._since[body, sender] = now
        self._bytes += len(body)
        return True

    def take(self) -> tuple[bytes, Sender, float]:
        """Return and forget the oldest, its sender, and when it was refused first.

        Raises StopIteration where there is none.
        """
        body, sender = next(iter(self._since))
        self._bytes -= len(body)
        return body, sender, self._since.pop((body, sender))

    def bodies(self) -> list[tuple[bytes, Sender]]:
        """Return all of them with their senders. Safe to call from another thread."""
        return list(self._since)
