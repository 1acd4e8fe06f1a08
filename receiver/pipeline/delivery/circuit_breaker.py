"""Whether a channel is paused: a pure state machine, one for each channel and replica."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES = 5
"""Failures in a row after which a channel is paused."""
FIRST_REST = timedelta(seconds=5)
LONGEST_REST = timedelta(seconds=60)
"""Each pause is twice as long as the previous one, up to a minute; then one delivery is attempted."""
AWAY = frozenset({"timeout", "connection", "server_error", "bad_answer", "redirect"})
"""Failures that concern the vendor rather than one delivery. A rate limit has its own wait time."""
AT_ONCE = frozenset({"auth"})
"""A rejected credential fails every delivery."""


@dataclass(frozen=True)
class CircuitBreaker:
    """The recent results of a channel."""

    failures: int = 0
    """Number of failures in a row."""
    rests: int = 0
    """Number of failed attempts since it was paused."""
    until: datetime | None = None
    """Until when it is paused; None if it is not paused."""

    @property
    def open(self) -> bool:
        """Whether it is paused."""
        return self.until is not None

    def allows(self, now: datetime) -> bool:
        """Return whether a delivery may be attempted now."""
        return self.until is None or now >= self.until

    def tried(self, now: datetime) -> CircuitBreaker:
        """Return the state while one delivery is attempted after a pause; the others wait for the result."""
        return replace(self, until=now + FIRST_REST) if self.until is not None else self

    def good(self) -> CircuitBreaker:
        """Return the state after a successful delivery."""
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
