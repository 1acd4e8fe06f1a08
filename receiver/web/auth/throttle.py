"""Answers to sign-ins that failed come later and later. Nobody is locked out: a sign-in that is right never waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

FREE = 5
"""Failures that cost nothing: people mistype."""
FORGET = 300.0
"""Seconds after which failures are forgotten."""
STEP, LONGEST = 1.0, 8.0
"""Seconds that each further failure adds to the wait for its answer, and the longest wait. Guesses that do not wait for
each other need a connection each, of which a peer has 64."""
REMEMBERED = 10_000
"""Peers and accounts whose failures are remembered."""


@dataclass
class _Failures:
    count: int = 0
    last: float = 0.0


class Throttle:
    """The failures of each peer and of each account."""

    def __init__(
        self, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Nobody has failed yet."""
        self.monotonic = monotonic
        self.sleep = sleep
        self._known: OrderedDict[str, _Failures] = OrderedDict()

    async def failed(self, *who: str) -> None:
        """Note that a sign-in of `who` (a peer, an account) has failed, and wait until that may be answered."""
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
