"""Bodies that were refused before they were read: it is not known yet whether they page anyone."""

from __future__ import annotations

from receiver.model.alert.sender import ANYBODY, Sender

MOST_BYTES = 32 * 1024 * 1024
"""Maximum total size of the bodies in bytes."""


class UnreadBodies:
    """Bodies in the order of their first refusal; a body that is refused again is kept once."""

    def __init__(self) -> None:
        """Create it empty."""
        self._since: dict[tuple[bytes, Sender], float] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return the number of bodies."""
        return len(self._since)

    def add(self, body: bytes, now: float, sender: Sender = ANYBODY) -> bool:
        """Keep a body that was refused at monotonic `now`; return False if there is no space for it."""
        if (body, sender) in self._since:
            return True
        if self._bytes + len(body) > MOST_BYTES:
            return False
        self._since[body, sender] = now
        self._bytes += len(body)
        return True

    def take(self) -> tuple[bytes, Sender, float]:
        """Remove and return the oldest body, its sender, and when it was first refused.

        Raises StopIteration if there is none.
        """
        body, sender = next(iter(self._since))
        self._bytes -= len(body)
        return body, sender, self._since.pop((body, sender))

    def bodies(self) -> list[tuple[bytes, Sender]]:
        """Return all of them with their senders. Safe to call from another thread."""
        return list(self._since)
