"""Which notification is begun next: a few in each turn of the loop, the newest first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from receiver.store.client.store_errors import Overloaded

AT_ONCE = 8
"""Notifications that are begun in one turn of the loop at most."""
TURN = 0.04
"""Seconds that a turn may take; fewer are begun after one that took longer. What is under way moves one step a turn and
needs about twelve: with longer turns nothing ends within the time of an answer, and all is begun again (a livelock)."""
REFUSED_AT_ONCE = 8
"""Notifications that are refused unread in one turn at most: each answer takes time, too."""
LATE = 0.2
"""Seconds of waiting after which this process has less time than it needs; a throttled one is stopped for as long."""
LONGEST = 1.0
"""Seconds after which one that was not begun is refused."""
MOST = 1000
"""Notifications that wait to be begun; the oldest is refused for one more."""


class ArrivalOrder:
    """Lets notifications begin in turn.

    The newest is first: under overload one that has waited is nearly out of time and its sender comes again, and in the
    order of arrival every answer would be as late as the last one that is still in time.
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
        """Whether this process has less time than it needs: one waits, or was refused unread in this second."""
        now = self._monotonic()
        return now - self._refused_at < LONGEST or (bool(self._waiting) and now - self._waiting[0][0] > LATE)

    async def enter(self) -> None:
        """Wait until this notification may begin. Raises Overloaded when that takes too long."""
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
