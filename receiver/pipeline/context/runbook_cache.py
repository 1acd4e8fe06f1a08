"""The runbooks of a wiki, read regularly and kept in memory, so that no page waits for a wiki."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.incident.runbook import Runbook
from receiver.pipeline.active_config import ActiveConfig

NAME = "runbooks"
EVERY = 300.0
"""Seconds between two readings."""

log = structlog.get_logger("receiver.runbooks")


class RunbookCache:
    """The runbooks in one replica's memory (`links.runbooks`)."""

    def __init__(self, setting: Callable[[], ActiveConfig], clock: Clock, metrics: Metrics) -> None:
        """Create it empty, until the first reading."""
        self.setting = setting
        self.clock = clock
        self.metrics = metrics
        self.known: tuple[Runbook, ...] = ()
        self._of: tuple[str, str] | None = None

    async def refresh(self) -> None:
        """Read them; if the wiki does not answer, the known ones stay."""
        wanted = self.setting().runbooks
        if wanted != self._of:
            self._of, self.known = wanted, ()
        channel = self.setting().channels.get(wanted[0]) if wanted else None
        if wanted is None or channel is None:
            return
        try:
            self.known = tuple(await channel.guides(wanted[1], self.clock.now()))
        except DeliveryError as error:
            self.metrics.loop_errors.labels(NAME).inc()
            log.warning("runbooks_read_failed", channel=wanted[0], reason=error.reason, detail=error.detail)

    async def run(self) -> None:
        """Read them every five minutes until canceled."""
        while True:
            await self.refresh()
            await asyncio.sleep(EVERY)
