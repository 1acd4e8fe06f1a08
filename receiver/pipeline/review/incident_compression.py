"""Compresses incidents in the store that ended some time ago, in the background and without delaying other work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.incidents.incident_compressor import IncidentCompressor

NAME = "compress"
EVERY = timedelta(hours=1)
PAUSE = timedelta(seconds=5)
"""Time between two runs while there are more: a history of 100,000 incidents takes a quarter of an hour."""
MOST = 500
"""Number of incidents per run: about a second of CPU."""
TRIAL = timedelta(days=1)
"""Time after the first run during which nothing is compressed.

Earlier releases show a compressed incident as missing; by then they have been replaced, or this release was rolled
back.
"""

log = structlog.get_logger("receiver.compression")


class IncidentCompression:
    """Runs as a timer of the service: one replica at a time."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        compressor: IncidentCompressor,
        earlier_replicas: Callable[[], Awaitable[int]],
    ) -> None:
        """`earlier_replicas` returns how many running replicas cannot read compressed incidents."""
        self.setting = setting
        self.compressor = compressor
        self.earlier_replicas = earlier_replicas
        self._checked: datetime | None = None
        """When no such replica was last found."""

    async def on_timer(self, now: datetime) -> datetime:
        """Compress due incidents, or expand all if compression is off; return when to run again. Raises StoreAway."""
        after = self.setting().compress_after
        if after is None:
            count, more = await self.compressor.restore(MOST)
            if count:
                log.info("incidents_expanded", incidents=count)
        else:
            count, more = await self._compress(after, now)
            if count:
                log.info("incidents_compressed", incidents=count)
        return now + (PAUSE if more else EVERY)

    async def _compress(self, after: timedelta, now: datetime) -> tuple[int, bool]:
        begun = await self.compressor.begun_ms(to_ms(now))
        if to_ms(now) - begun < TRIAL.total_seconds() * 1000:
            return 0, False
        if self._checked is None or not timedelta() <= now - self._checked < EVERY:
            earlier = await self.earlier_replicas()
            if earlier:
                log.info("compression_postponed", earlier_replicas=earlier)
                return 0, False
            self._checked = now
        # Incidents that may still be reopened would be expanded again.
        wait = max(after, self.setting().policy.reopen_within)
        return await self.compressor.compress(to_ms(now - wait), MOST)
