"""Open incidents whose end may be among the data that a store has lost: Alertmanager is queried about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from receiver.clock import Clock
from receiver.model.base import to_ms
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.incidents.store_recovery import StoreMemory

ASKING_MS = 15_000
"""Milliseconds for which no replica claims due work after a query that Alertmanager did not answer."""
PATIENCE = 25.0
"""Maximum seconds to wait for Alertmanager; after that, due work continues without its answer."""
ASK = 2.0
"""Seconds between two queries."""


class UncheckedIncidents:
    """The incidents to query, until Alertmanager has answered or has taken too long."""

    def __init__(
        self,
        memory: StoreMemory,
        cache: IncidentCache,
        hold: Callable[[int], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """`hold`: prevents due work from being claimed for that many milliseconds."""
        self.memory = memory
        self.cache = cache
        self.hold = hold
        self.clock = clock
        self.check: Callable[[Collection[str], datetime], Awaitable[bool]]
        """Queries Alertmanager about open incidents, by uid; returns whether it answered."""
        self.of_gap = False
        """Whether every paging incident is queried, because no replica was running to see which ones ended."""
        self._uids: set[str] | None = None
        self._asked: float | None = None
        self._until = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there are incidents to query."""
        return self._uids is not None

    def add(self, uids: set[str], *, of_gap: bool = False) -> None:
        """Query `uids` from now on."""
        self._uids, self._until, self._asked = uids, self.clock.monotonic() + PATIENCE, None
        self.of_gap = self.of_gap or of_gap

    async def ask(self, now: datetime) -> bool:
        """Query once if it is time; return whether no incident is left to query. Raises StoreAway."""
        moment = self.clock.monotonic()
        if self._asked is not None and moment - self._asked < ASK:
            return False
        uids = self._uids or set()
        if self.of_gap:
            uids = {one.uid for one in self.cache.open() if (one.call_ms or one.answer_ms or 0) <= to_ms(now)}
        done = not uids or moment >= self._until or (self._asked is None and not await self.memory.checker())
        self._asked = moment
        if done:
            return True
        await self.hold(ASKING_MS)
        return await self.check(uids, now)

    def clear(self) -> None:
        """Stop querying."""
        self._uids, self.of_gap = None, False
