"""Sends a heartbeat to an external monitor while paging works; the monitor alerts when it stops (`heartbeat`).

It is a timer in the store, so it proves that the store answers and that a replica's loop runs; and it is withheld while
due work is not done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from receiver.channels.base import DeliveryError
from receiver.channels.ntfy.channel import Ntfy
from receiver.model.host_name import host_of
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.worker.overdue_work_check import Finding
from receiver.sources.http_client import SourceClient, SourceError

NAME = "heartbeat"
LIMIT = 5.0
"""Seconds for one beat."""

log = structlog.get_logger("receiver.heartbeat")


class Heartbeat:
    """Sends the heartbeat when its timer is due."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        source_client: SourceClient,
        audit: Callable[[datetime], Awaitable[Finding]],
        resting: Callable[[ActiveConfig], list[str]],
    ) -> None:
        """`audit` returns what is late, `resting` the paging channels whose circuit breaker is open."""
        self.resting = resting
        self.setting = setting
        self.source_client = source_client
        self.audit = audit

    async def beat(self, now: datetime) -> datetime | None:
        """Send the heartbeat if all is well, and return when the next one is due; None if it is off.

        Raises StoreAway.
        """
        asked = self.setting().heartbeat
        if asked is None:
            return None
        url, every = asked
        finding = await self.audit(now)
        resting = self.resting(self.setting())
        if finding.overdue or finding.unattended or resting:
            unattended = len(finding.unattended)
            log.error("heartbeat_held_back", rows=finding.overdue, unattended=unattended, resting=resting)
            return now + every
        await self._ask(url)
        await self._postpone(now)
        return now + every

    async def _ask(self, url: str | None) -> None:
        if not url:
            return
        host = host_of(url)
        try:
            said = await self.source_client.get(url, limit=LIMIT)
        except SourceError as error:
            log.warning("heartbeat_failed", host=host, reason=error.reason)
        else:
            if not 200 <= said.status < 300:
                log.warning("heartbeat_failed", host=host, reason=f"returned {said.status}")

    async def _postpone(self, now: datetime) -> None:
        # If the service stops, the message stays, so that subscribers of the topic learn that nothing pages.
        setting = self.setting()
        if setting.dead_man is None:
            return
        name, topic, after = setting.dead_man
        channel = setting.channels.get(name)
        if not isinstance(channel, Ntfy):
            return
        text = f"No replica has reported for {after.total_seconds() / 60:g} min: pages may not be sent."
        try:
            async with asyncio.timeout(LIMIT):
                await channel.postpone(topic, after, text, now)
        except DeliveryError as error:
            log.warning("heartbeat_failed", host=name, reason=error.reason)
        except TimeoutError:
            log.warning("heartbeat_failed", host=name, reason="timeout")
