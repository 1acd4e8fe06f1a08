"""Whether a channel is paused: a pure state machine, one for each channel and replica."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES = 5
"""Failures in a row after which a channel is paused."""
FIRST_REST = timedelta(seconds=5)
LONGEST_REST = timedelta(seconds=60)
"""A pause is twice as long as the one before, up to a minute: then one delivery tries again."""
AWAY = frozenset({"timeout", "connection", "server_error", "bad_answer", "redirect"})
"""Failures that say something about the vendor, and not about one delivery. A rate limit has its own waiting."""
AT_ONCE = frozenset({"auth"})
"""A credential that is refused is refused for every delivery."""


@dataclass(frozen=True)
class CircuitBreaker:
    """How a channel has done lately."""

    failures: int = 0
    """In a row."""
    rests: int = 0
    """How often it was tried in vain since it was paused."""
    until: datetime | None = None
    """Until when it is paused; None: it is not."""

    @property
    def open(self) -> bool:
        """Whether it is paused."""
        return self.until is not None

    def allows(self, now: datetime) -> bool:
        """Return whether a delivery may try now."""
        return self.until is None or now >= self.until

    def tried(self, now: datetime) -> CircuitBreaker:
        """Return the state while one delivery tries after a pause: the others wait for the result."""
        return replace(self, until=now + FIRST_REST) if self.until is not None else self

    def good(self) -> CircuitBreaker:
        """Return the state after the vendor has answered as it should."""
        return CircuitBreaker()

    def record_failure(self, reason: str, now: datetime) -> CircuitBreaker:
        """Return the state after a failure."""
        if reason not in AWAY and reason not in AT_ONCE:
            return self
        failures = self.failures + 1
        if self.until is None and failures < FAILURES and reason not in AT_ONCE:
            return replace(self, failures=failures)
        rest = min(LONGEST_REST, FIRST_REST * 2 ** min(self.rests, 10))
        return CircuitBreaker(failures, self.rests + 1, now + rest)
