"""What a vendor allows: so many calls within a time."""

from __future__ import annotations

from receiver.model.base import Frozen


class Quota(Frozen):
    """One limit of a vendor, and how much of it one notice uses."""

    name: str
    """What it holds for: a method, a Slack channel, a routing key's hash. Never a secret."""
    calls: int
    """So many within any `seconds`."""
    seconds: float
    kept: int = 0
    """Of the calls, how many this notice leaves to more urgent ones."""
    kept_else: int | None = None
    """The same while nothing more urgent has gone for ten seconds; None: as `kept`."""
    cost: int = 1
    """Calls that this notice makes, at most."""
    rank: int = 1
    """0 goes before 1, and 1 before 2: a delivery waits only behind more urgent ones."""
