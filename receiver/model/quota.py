"""What a vendor allows: so many calls in a time, some of them at once."""

from __future__ import annotations

from receiver.model.base import Frozen


class Quota(Frozen):
    """One limit of a vendor, and how much of it one call leaves to more urgent ones."""

    name: str
    """What it holds for: a method, a Slack channel, a routing key's hash. Never a secret."""
    per_minute: float
    burst: float
    """Calls that may be made at once after a quiet time, beyond the first."""
    kept: float = 0.0
    """Of the burst, what this call leaves untouched."""

    @property
    def every_ms(self) -> int:
        """Milliseconds between two calls when all of it is used."""
        return round(60_000 / self.per_minute)
