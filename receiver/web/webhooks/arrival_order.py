"""Decides which notification starts next: a few in each iteration of the loop, newest first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from receiver.store.client.store_errors import Overloaded

AT_ONCE = 8
"""Maximum number of notifications that start in one iteration of the loop."""
TURN = 0.04
"""Maximum duration of an iteration in seconds; fewer start after a longer one. A notification needs about twelve
iterations: if they are longer, none ends in time for a response, and all start again (a livelock)."""
REFUSED_AT_ONCE = 8
"""Maximum number of notifications that are refused unread in one iteration, because each response takes time, too."""
LATE = 0.2
"""Seconds of waiting after which this process counts as short of CPU time; a throttled one is paused for as long."""
LONGEST = 1.0
"""Seconds after which a notification that has not started is refused."""
MOST = 1000
"""Maximum number of notifications that wait to start; for one more, the oldest is refused."""


class ArrivalOrder:
    """Starts notifications in turn.

    The newest comes first: under overload, an older one is nearly out of time and its sender retries; in the order of
    arrival, every response would be as late as the last one that is still in time.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns wall-clock seconds since an unknown moment."""
        self._monotonic = monotonic
        self._begun = 0
        self._at_once = AT_ONCE
        self._turning = False
        self._turned_at = 0.0
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._refused_at = -LONGEST

    @property
    def late(self) -> bool:
        """Whether this process has too little CPU time: one waits, or was refused unread in this second."""
        now = self._monotonic()
        return now - self._refused_at < LONGEST or (bool(self._waiting) and now - self._waiting[0][0] > LATE)

    async def enter(self) -> None:
        """Wait until this notification may start. Raises Overloaded if that takes too long."""
        if self._begun < self._at_once and not self._waiting:
            self._begun += 1
            self._watch()
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append((self._monotonic(), mine))
        if len(self._waiting) > MOST:
            self._refuse_oldest()
        self._watch()
        await mine

    def _watch(self) -> None:
        if not self._turning:
            self._turning = True
            self._turned_at = self._monotonic()
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        now = self._monotonic()
        slow = now - self._turned_at > TURN
        self._at_once = max(1, self._at_once // 2) if slow else min(AT_ONCE, self._at_once + 1)
        self._turning = False
        self._begun = 0
        while self._waiting and self._begun < self._at_once:
            _, mine = self._waiting.pop()
            if not mine.done():
                mine.set_result(None)
                self._begun += 1
        for _ in range(REFUSED_AT_ONCE):
            if not self._waiting or now - self._waiting[0][0] <= LONGEST:
                break
            self._refuse_oldest()
        if self._waiting or self._begun:
            self._watch()

    def _refuse_oldest(self) -> None:
        _, oldest = self._waiting.popleft()
        if not oldest.done():
            self._refused_at = self._monotonic()
            oldest.set_exception(Overloaded("not started in time"))
