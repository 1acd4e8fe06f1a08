"""How many notifications are worked on at once: a queue before the store, bounded by requests and by bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum
from itertools import islice

from receiver.model.severity import Severity
from receiver.store.client.connection_lanes import SIZES, Lane
from receiver.store.client.store_errors import Overloaded

MOST = 1000
"""Notifications in this process at once; beyond it their bodies are not even read."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the bodies of these."""
SOFT = 256
"""Notifications that may wait for the store; beyond it only those that page, or may, are let in."""
LONGEST = 0.3
"""Seconds that the last in the queue may expect to wait: a queue that is always there helps nobody, and those that page
wait behind the work it makes. Whoever is refused comes again after half a second or more."""
OTHERS = 4
"""The part of the turns that groups that page nobody may have where this process has less time than it needs."""
WEIGHT = 0.1
"""Weight of the newest turn in the mean time between two."""
LONGEST_PAGING = 0.6
"""The same for a SEV-2: it is a debt of this replica then. A SEV-1 is never refused for the length of the queue."""
GROUPS = 20_000
"""Groups whose last severity is known."""


class Place(IntEnum):
    """The place of a notification in the queue; lower ones come first."""

    FIRST = 0
    """A SEV-1, a heartbeat, and what ends or replaces pages."""
    PAGING = 1
    """A SEV-2."""
    REST = 2


PLACES = {Severity.SEV1: Place.FIRST, Severity.SEV2: Place.PAGING}


class Admission:
    """Counts what is in the process and gives turns at the store, urgent groups first."""

    def __init__(self, monotonic: Callable[[], float], turns: int = SIZES[Lane.INGEST]) -> None:
        """`turns`: notifications at the store at once; as many as there are connections for them."""
        self.late: Callable[[], bool] = lambda: False
        """Whether this process has less time than it needs."""
        self._monotonic = monotonic
        self._inside = 0
        self._bytes = 0
        self._turns = self._free = turns
        self._queues: dict[Place, deque[asyncio.Future[None]]] = {place: deque() for place in Place}
        self._mean = 0.0
        """Seconds between two turns while somebody waits."""
        self._passed_at: float | None = None
        # Hashes take a third of the memory of keys; a collision changes only who is refused first.
        self._severities: dict[int, Severity | None] = {}

    @property
    def waiting(self) -> int:
        """How many notifications wait for their turn."""
        return sum(map(len, self._queues.values()))

    @property
    def crowded(self) -> bool:
        """Whether only groups that page are let in: the queue is full, or too long to be served in time.

        Where this process has less time than it needs, most turns are for them: each of the others takes the time in
        which several are read and judged.
        """
        if self.late() and self._turns - self._free >= max(1, self._turns // OTHERS):
            return True
        return self.waiting >= SOFT or self.waiting * self._mean > LONGEST

    def refuses(self, place: Place) -> bool:
        """Return whether a notification of that place is refused now: its turn would come too late."""
        if place is Place.PAGING:
            ahead = len(self._queues[Place.FIRST]) + len(self._queues[Place.PAGING])
            return ahead * self._mean > LONGEST_PAGING
        return place is Place.REST and self.crowded

    @contextmanager
    def entered(self) -> Iterator[Callable[[int], None]]:
        """Count a notification inside; yield what takes the bytes of its body that are here by now.

        Both raise Overloaded where the queue is full. Bytes count when they arrive: a sender that only announces them
        takes nobody's place.
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
        """Keep the severity that a group's last notification led to; None where it opens no incident."""
        key = hash(group)
        self._severities.pop(key, None)
        self._severities[key] = severity
        if len(self._severities) > GROUPS:
            # The oldest go together: to look for the first of a dictionary passes every one that was removed.
            for old in list(islice(self._severities, max(1, GROUPS // 10))):
                del self._severities[old]

    def known(self, group: str) -> bool:
        """Return whether the last severity of a group is known."""
        return hash(group) in self._severities

    def place(self, group: str) -> Place:
        """Return the place of a group by its last severity."""
        severity = self._severities.get(hash(group))
        return PLACES.get(severity, Place.REST) if severity is not None else Place.REST

    @asynccontextmanager
    async def turn(self, limit: float, place: Callable[[], Place]) -> AsyncIterator[None]:
        """Wait for a turn at the store, for `limit` wall-clock seconds at most. Raises Overloaded without one.

        `place` is asked where there is no free turn.
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
            took = min(now - self._passed_at, LONGEST)  # a process that was suspended took no longer
            self._mean += WEIGHT * (took - self._mean)
        self._passed_at = now if self.waiting else None
        for queue in self._queues.values():
            while queue:
                mine = queue.popleft()
                if not mine.done():
                    mine.set_result(None)
                    return
        self._free += 1
