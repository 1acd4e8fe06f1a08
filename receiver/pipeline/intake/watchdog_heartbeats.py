"""Stores and counts the Watchdogs in notifications, and stores them again if the store lost them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.watchdog_times import MOST, WatchdogTimes


class WatchdogHeartbeats:
    """The Watchdogs that this replica has received."""

    def __init__(self, times: WatchdogTimes, metrics: Metrics) -> None:
        """Create it before the first Watchdog."""
        self.times = times
        self.metrics = metrics
        self.beaten: Callable[[datetime], Awaitable[None]] = _nothing
        """Called with each Watchdog."""
        self._received: dict[str, int] = {}
        """When each was last received here, in milliseconds; under "" if they are not distinguished."""

    async def receive(self, names: Collection[str], setting: ActiveConfig, now: datetime) -> None:
        """Store that the Watchdogs with these `names` arrived. Raises StoreAway."""
        await self.times.record(to_ms(now), setting.watchdogs_by, names)
        if len(self._received) < MOST:
            self._received |= dict.fromkeys(names if setting.watchdogs_by else ("",), to_ms(now))
        if not setting.watchdogs_by:
            self.metrics.watchdog.set(now.timestamp())
        await self.beaten(now)

    async def store_again(self, setting: ActiveConfig) -> None:
        """Write the times of Watchdogs back to a store that has lost its data. Raises StoreAway."""
        last_ms = await self.times.last_ms() or 0
        for name, at_ms in sorted(self._received.items(), key=lambda beat: beat[1]):
            if at_ms > last_ms:
                await self.times.record(at_ms, setting.watchdogs_by, [name] if name else [])


async def _nothing(now: datetime) -> None:
    return None
