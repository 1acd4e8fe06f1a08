"""Limits how many notifications are processed at once: a queue before the store, bounded by requests and by bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum

from receiver.model.severity import Severity
from receiver.pipeline.intake.hashed_values import HashedValues
from receiver.store.client.connection_lanes import SIZES, Lane
from receiver.store.client.store_errors import Overloaded

MOST = 1000
"""Maximum number of notifications in this process; beyond it their bodies are not even read."""
MOST_BYTES = 64 * 1024 * 1024
"""Maximum total size of their bodies in bytes."""
SOFT = 256
"""Maximum number of notifications that wait for the store; beyond it only those that may page are admitted."""
LONGEST = 0.3
"""Maximum expected wait of the last in the queue, in seconds: a permanent queue helps no one, and those that page
wait behind its work. A refused sender retries after half a second or more."""
OTHERS = 4
"""The fraction of turns for groups that page no one while this process has too little CPU time."""
WEIGHT = 0.1
"""Weight of the newest turn in the mean interval between turns."""
LONGEST_PAGING = 0.6
"""The same for a SEV-2, which this replica then retries. A SEV-1 is never refused because of the queue's length."""
GROUPS = 32_768
"""Entries of the table of last severities, 8 bytes each: 20,000 groups take three fifths of them."""
NO_INCIDENT = 0
"""The value of a group whose last notification opened no incident; other groups have the rank of their severity."""


class Place(IntEnum):
    """The priority of a notification in the queue; lower values come first."""

    FIRST = 0
    """A SEV-1, a heartbeat, and notifications that end or replace pages."""
    PAGING = 1
    """A SEV-2."""
    REST = 2


PLACES = {Severity.SEV1: Place.FIRST, Severity.SEV2: Place.PAGING}
RANKS: dict[int | None, Place] = {severity.rank: place for severity, place in PLACES.items()}
"""The same by rank; all others are `REST`."""


class Admission:
    """Counts the notifications in the process and assigns turns at the store, urgent groups first."""

    def __init__(self, monotonic: Callable[[], float], turns: int = SIZES[Lane.INGEST]) -> None:
        """`turns`: maximum number of notifications at the store; the number of connections for them."""
        self.late: Callable[[], bool] = lambda: False
        """Whether this process has too little CPU time."""
        self._monotonic = monotonic
        self._inside = 0
        self._bytes = 0
        self._turns = self._free = turns
        self._queues: dict[Place, deque[asyncio.Future[None]]] = {place: deque() for place in Place}
        self._mean = 0.0
        """Seconds between two turns while notifications wait."""
        self._passed_at: float | None = None
        # A collision of hashes only changes which group is refused first.
        self._severities = HashedValues(GROUPS)

    @property
    def waiting(self) -> int:
        """The number of notifications that wait for their turn."""
        return sum(map(len, self._queues.values()))

    @property
    def crowded(self) -> bool:
        """Whether only groups that page are admitted: the queue is full, or too long to be served in time.

        While this process has too little CPU time, most turns are for them: each of the others takes the time in which
        several notifications could be read and evaluated.
        """
        if self.late() and self._turns - self._free >= max(1, self._turns // OTHERS):
            return True
        return self.waiting >= SOFT or self.waiting * self._mean > LONGEST

    def refuses(self, place: Place) -> bool:
        """Return whether a notification with that priority is refused now, because its turn would come too late."""
        if place is Place.PAGING:
            ahead = len(self._queues[Place.FIRST]) + len(self._queues[Place.PAGING])
            return ahead * self._mean > LONGEST_PAGING
        return place is Place.REST and self.crowded

    @contextmanager
    def entered(self) -> Iterator[Callable[[int], None]]:
        """Count a notification; yield a function that is called with the bytes of its body received so far.

        Both raise Overloaded if the queue is full. Bytes count when they arrive, so a sender that only announces them
        takes no space.
        """
        if self._inside >= MOST:
            raise Overloaded("too many notifications at once")
        held = 0

        def measured(real: int) -> None:
            nonlocal held
            if self._inside > 1 and self._bytes + real - held > MOST_BYTES:
                raise Overloaded("too many bytes of notifications at once")
            self._bytes += real - held
            held = real

        self._inside += 1
        try:
            yield measured
        finally:
            self._inside -= 1
            self._bytes -= held

    def learn(self, group: str, severity: Severity | None) -> None:
        """Store the severity of a group's last notification; None if it opens no incident."""
        self._severities.put(group, NO_INCIDENT if severity is None else severity.rank)

    def known(self, group: str) -> bool:
        """Return whether the last severity of a group is known."""
        return self._severities.get(group) is not None

    def place(self, group: str) -> Place:
        """Return the priority of a group by its last severity."""
        return RANKS.get(self._severities.get(group), Place.REST)

    @asynccontextmanager
    async def turn(self, limit: float, place: Callable[[], Place]) -> AsyncIterator[None]:
        """Wait for a turn at the store, for `limit` wall-clock seconds at most. Raises Overloaded without one.

        `place` is called only if there is no free turn.
        """
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait(limit, self._queues[place()])
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, limit: float, queue: deque[asyncio.Future[None]]) -> None:
        mine = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            await asyncio.wait({mine}, timeout=limit)
        except asyncio.CancelledError:
            if mine.done():
                self._pass_on()
            raise
        finally:
            if not mine.done():
                mine.cancel()
                queue.remove(mine)
        if mine.cancelled():
            raise Overloaded("the store queue did not reach this notification in time")

    def _pass_on(self) -> None:
        now = self._monotonic()
        if self._passed_at is not None:
            took = min(now - self._passed_at, LONGEST)  # suspended time does not count
            self._mean += WEIGHT * (took - self._mean)
        self._passed_at = now if self.waiting else None
        for queue in self._queues.values():
            while queue:
                mine = queue.popleft()
                if not mine.done():
                    mine.set_result(None)
                    return
        self._free += 1
