"""Delays the responses to failed sign-ins more and more. No one is locked out: a valid sign-in never waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

FREE = 5
"""Number of failures without a delay, because people make typos."""
FORGET = 300.0
"""Seconds after which failures are forgotten."""
STEP, LONGEST = 1.0, 8.0
"""Seconds that each further failure adds to the delay of its response, and the maximum delay. Parallel guesses need a
connection each, and a peer has 64 of them."""
REMEMBERED = 10_000
"""Maximum number of peers and accounts whose failures are stored."""


@dataclass
class _Failures:
    count: int = 0
    last: float = 0.0


class Throttle:
    """The failures of each peer and of each account."""

    def __init__(
        self, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Create it without failures."""
        self.monotonic = monotonic
        self.sleep = sleep
        self._known: OrderedDict[str, _Failures] = OrderedDict()

    async def failed(self, *who: str) -> None:
        """Record that a sign-in of `who` (a peer, an account) failed, and wait until the response may be sent."""
        wait = max(self._note(one) for one in who)
        if wait > 0:
            await self.sleep(wait)

    def _note(self, one: str) -> float:
        now, known = self.monotonic(), self._known.setdefault(one, _Failures())
        self._known.move_to_end(one)
        known.count = 1 if now - known.last > FORGET else known.count + 1
        known.last = now
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return min(STEP * max(0, known.count - FREE), LONGEST)
