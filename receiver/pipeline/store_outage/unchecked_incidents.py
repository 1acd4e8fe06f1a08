"""Open incidents that may have ended in what a store has forgotten: Alertmanager is asked about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from receiver.clock import Clock
from receiver.model.base import to_ms
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.incidents.store_recovery import StoreMemory

ASKING_MS = 15_000
"""For which nobody claims what is due after a question to Alertmanager that was not answered."""
PATIENCE = 25.0
"""Seconds that Alertmanager may take to answer; then what is due is done without it."""
ASK = 2.0
"""Seconds between two questions to it."""


class UncheckedIncidents:
    """The incidents that are to be asked about, until Alertmanager has answered or has taken too long."""

    def __init__(
        self,
        memory: StoreMemory,
        cache: IncidentCache,
        hold: Callable[[int], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """`hold`: keeps what is due from being claimed for so many milliseconds."""
        self.memory = memory
        self.cache = cache
        self.hold = hold
        self.clock = clock
        self.check: Callable[[Collection[str], datetime], Awaitable[bool]]
        """Asks Alertmanager about open incidents, by uid; returns whether it has answered."""
        self.of_gap = False
        """Whether it is about every incident that calls, since no replica was there to see what ended."""
        self._uids: set[str] | None = None
        self._asked: float | None = None
        self._until = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there is something to ask."""
        return self._uids is not None

    def add(self, uids: set[str], *, of_gap: bool = False) -> None:
        """Ask about `uids` from now on."""
        self._uids, self._until, self._asked = uids, self.clock.monotonic() + PATIENCE, None
        self.of_gap = self.of_gap or of_gap

    async def ask(self, now: datetime) -> bool:
        """Ask once if it is time to; return whether nothing is left to be asked. Raises StoreAway."""
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
        """Ask no more."""
        self._uids, self.of_gap = None, False
