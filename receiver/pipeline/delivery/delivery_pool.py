"""Leased rows that wait in this process to be sent: a limited number at once in each lane."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from receiver.clock import Clock
from receiver.store.client.store_errors import StoreAway
from receiver.store.due.leased_row import LeasedRow

PER_LANE = 32
"""Maximum number of concurrent sends in one lane, so that a vendor that never answers blocks no other lane."""
REFILL = PER_LANE // 2
"""Number of free slots in a lane at which more rows are claimed; a lower number would cost a round trip per send."""
AGAIN = 0.2
"""Seconds until a row that was not sent because this process was overloaded is retried."""

log = structlog.get_logger("receiver.delivery")


@dataclass(order=True)
class Waiting:
    """A leased row, in the order in which rows are sent."""

    not_before: float
    number: int
    row: LeasedRow = field(compare=False)
    until: float = field(compare=False)
    """Monotonic seconds at which its lease ends."""


class DeliveryPool:
    """Starts sends as slots become free.

    A row whose lease has almost expired is left to the next replica that claims it.
    """

    def __init__(
        self,
        clock: Clock,
        send: Callable[[LeasedRow, float], Awaitable[None]],
        start: Callable[[Callable[[], Awaitable[None]]], None],
        deadline: Callable[[], timedelta],
    ) -> None:
        """`send` sends a row before a monotonic time; `start` runs that in the background; `deadline`: of one send."""
        self.clock = clock
        self._send = send
        self._start = start
        self._deadline = deadline
        self.stopping = False
        """Whether no further send is started."""
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, list[Waiting]] = {}
        self._number = 0
        self.full: dict[str, bool] = {}
        """By lane, whether the last claim filled all free slots, so there are more rows."""
        self.idle: Callable[[str], None] = lambda lane: None
        """Called with a lane that has free slots again while there are more rows for it."""

    def free(self, lane: str) -> int:
        """Return how many more rows of `lane` may be claimed."""
        return PER_LANE - self._busy.get(lane, 0) - len(self._waiting.get(lane, ()))

    def add(self, lane: str, row: LeasedRow, until: float, wait: float = 0.0) -> None:
        """Send `row` as soon as a slot of `lane` is free, but not before `wait` seconds have passed."""
        self._number += 1
        item = Waiting(self.clock.monotonic() + wait, self._number, row, until)
        heapq.heappush(self._waiting.setdefault(lane, []), item)
        self.refill(lane)

    def urgent_waiting(self) -> bool:
        """Return whether an urgent page is waiting here."""
        return any(lane.endswith("!") and waiting for lane, waiting in self._waiting.items())

    def refill_all(self) -> None:
        """Start the sends whose wait time is over."""
        for lane in list(self._waiting):
            self.refill(lane)

    def take_waiting(self) -> list[tuple[LeasedRow, float]]:
        """Remove and return every waiting row, with the monotonic time until which it may be sent."""
        taken = [(item.row, self._latest(item)) for waiting in self._waiting.values() for item in waiting]
        self._waiting.clear()
        return taken

    def refill(self, lane: str) -> None:
        """Start as many sends as there are free slots."""
        waiting, now = self._waiting.get(lane, []), self.clock.monotonic()
        while waiting and not self.stopping and self._busy.get(lane, 0) < PER_LANE and waiting[0].not_before <= now:
            item = heapq.heappop(waiting)
            if now > self._latest(item):
                log.info("lease_expired", id=item.row.member)
                continue
            self._busy[lane] = self._busy.get(lane, 0) + 1
            self._start(lambda item=item: self._run(lane, item))  # type: ignore[misc]

    async def _run(self, lane: str, item: Waiting) -> None:
        try:
            await self._send(item.row, self._latest(item))
        except StoreAway as condition:
            if not condition.ours:
                raise
            # Nothing was sent, because this process had no free connection.
            self.add(lane, item.row, item.until, AGAIN)
        finally:
            self._busy[lane] -= 1
            self.refill(lane)
            if self.full.get(lane) and self.free(lane) >= REFILL:
                self.idle(lane)

    def _latest(self, item: Waiting) -> float:
        # A send that starts later might still be running when another replica claims the row.
        return item.until - self._deadline().total_seconds()
