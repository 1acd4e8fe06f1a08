"""The rate limit of a vendor: a number of calls within a time."""

from __future__ import annotations

from receiver.model.base import Frozen


class Quota(Frozen):
    """One limit of a vendor, and the part of it that one notice uses."""

    name: str
    """The subject of the limit: a method, a Slack channel, the hash of a routing key. Never a secret."""
    calls: int
    """Maximum number of calls within any `seconds`."""
    seconds: float
    kept: int = 0
    """How many of the calls this notice leaves to more urgent ones."""
    kept_else: int | None = None
    """The same if no more urgent call was made for ten seconds; None: as `kept`."""
    cost: int = 1
    """Maximum number of calls that this notice makes."""
    rank: int = 1
    """0 is sent before 1, and 1 before 2: a delivery waits only for more urgent ones."""
