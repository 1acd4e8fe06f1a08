"""Leased rows -> channel -> receipt. A row is marked as sent only after the vendor has accepted it."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from receiver.channels.base import Channel, DeliveryError
from receiver.clock import Clock
from receiver.log import DirectLog
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.channel_health import ChannelHealth
from receiver.pipeline.delivery.delivery_listener import DeliveryListener
from receiver.pipeline.delivery.delivery_log import log_fields
from receiver.pipeline.delivery.delivery_results import SLOT, SPOILED, AttemptMade, DeliveryResults, ReceiptNotStored
from receiver.pipeline.delivery.lease_time import in_time
from receiver.pipeline.delivery.refused_routing_keys import REASON, RefusedKeys
from receiver.pipeline.delivery.row_notices import RowNotices, calls_person
from receiver.pipeline.outbox.notices import plain
from receiver.store.client.store_errors import StoreAway
from receiver.store.due.due_set import DueSet, LeasedRow, SendingOutcome
from receiver.store.due.rate_limits import RateLimits
from receiver.store.incidents.incident_store import IncidentStore

PAGE_ASKS, INFORM_ASKS = 15_000, 300_000
"""Maximum milliseconds between two checks of a quota: pages are often superseded, messages rarely."""
IN_TIME = 0.1
"""Seconds before the end of its lease at which a page is sent with the data that is already loaded."""

log = structlog.get_logger("receiver.delivery")
line = DirectLog("receiver.delivery")
"""The logger for the one line per delivery: the usual logger took as long as the request to the vendor."""


class DeliveryAttempts:
    """One attempt at one row, from the newest state to the store's receipt."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        due: DueSet,
        clock: Clock,
        metrics: Metrics,
        listener: DeliveryListener,
        pace: RateLimits,
    ) -> None:
        """`listener`: called with side effects of a delivery. `pace`: the quotas of vendors."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.clock = clock
        self.metrics = metrics
        self.pace = pace
        self.unknown_channel: Callable[[LeasedRow, datetime], Awaitable[None]]
        """Handles a row whose channel is not configured."""
        self.sent_before: Callable[[str, str], bool] = lambda channel, key: False
        """Returns whether this replica has sent a page without the store that the vendor accepted."""
        self.keys = RefusedKeys(setting, due)
        self.health = ChannelHealth(metrics)
        self.notices = RowNotices(incidents, clock)
        self.results = DeliveryResults(incidents, due, self.health, listener, clock, metrics)

    async def one(self, row: LeasedRow, latest: float = math.inf) -> None:
        """Send the notice of `row`, and write the result to the store.

        Raises StoreAway; the lease then expires. Nothing is sent after `latest`, in monotonic seconds, because the
        lease might end before the send.
        """
        setting = self.setting()
        channel = setting.channels.get(row.to.channel)
        now = self.clock.now()
        if channel is None:
            await self.unknown_channel(row, now)
            return
        if not row.whole:
            row = replace(row, to=row.to.model_copy(update={"paging": channel.paging}))
        incident, lines, whole = await self.notices.read(row, setting, now, latest - IN_TIME)
        notice = await self.notices.notice(row, incident, lines, channel, setting, now)
        if notice is None:
            await self.results.record_outdated(row, incident, now)
            return
        if row.to.paging and calls_person(notice) and self._sent_before(row):
            await self.results.record_sent(row, notice, incident if whole else None, Receipt(ref=notice.key))
            return
        if row.attempts >= SPOILED - 2:
            notice = plain(notice) if row.memory.get("spoiled") else notice
        if await self._held_back(row, notice, channel, now, latest - IN_TIME):
            return
        notice = await self.notices.answerable(row, notice, channel, latest - IN_TIME)
        if self.clock.monotonic() > latest:
            log.info("lease_expired", id=row.member)
            return
        try:
            # Nothing can be appended to the log of an incident that cannot be read.
            await self._send(row, notice, incident if whole else None, channel)
        except ReceiptNotStored:
            raise
        except StoreAway as condition:
            # The attempt was made: it is not repeated before its lease has ended.
            raise AttemptMade(str(condition)) from None

    def _sent_before(self, row: LeasedRow) -> bool:
        return "sent" not in row.memory and self.sent_before(row.to.channel, row.to.address)

    async def _held_back(
        self, row: LeasedRow, notice: Notice, channel: Channel[Any], now: datetime, until: float
    ) -> bool:
        # Postponed without an attempt while the channel is paused (a page never waits), or until its quota allows.
        circuit, wait_ms, memory = self.health.circuit(row.to.channel), 0, dict(row.memory)
        if not row.to.paging and not circuit.allows(now) and circuit.until is not None:
            wait_ms = to_ms(circuit.until) - to_ms(now) + random.randrange(1000)  # noqa: S311
        elif not row.to.paging and circuit.open:
            self.health.circuits[row.to.channel] = circuit.tried(now)
        turn = int(memory.pop(SLOT, 0))
        if not wait_ms and (quotas := channel.quotas(notice)):
            most = PAGE_ASKS if row.to.paging else INFORM_ASKS
            drawn = self.pace.draw(row.to.channel, quotas, to_ms(now), turn, most)
            # If the lease ends before a slow store answers, the page is sent; the vendor refuses one above the quota.
            urgent = row.to.paging and calls_person(notice)
            wait_ms, turn = await in_time(drawn, until if urgent else math.inf, self.clock) or (0, 0)
        if not wait_ms:
            return False
        if turn:
            memory[SLOT] = turn
        again = to_ms(now) + wait_ms
        await self.due.complete(row, SendingOutcome.LATER, to_ms(now), again_ms=again, told_to_wait=True, memory=memory)
        if notice.action is Action.TRIGGER:
            self.results.postponed(row, wait_ms / 1000, False)
        return True

    async def _send(self, row: LeasedRow, notice: Notice, incident: Incident | None, channel: Channel[Any]) -> None:
        began = self.clock.monotonic()
        try:
            receipt = await channel.send(notice)
        except DeliveryError as error:
            self._observe(row, notice, error.reason, began)
            self.health.record_failure(row.to.channel, error, self.clock.now())
            await self.results.record_failed(row, notice, incident, error)
            await self.results.start_fallback(row, notice, incident, error)
            if row.to.paging and error.reason == REASON:
                await self.keys.refused(row.to.channel, notice, error.detail, self.clock.now())
            return
        if row.to.paging:
            self.keys.accepted(row.to.channel, notice)
        if not receipt.nothing:
            self.health.record_success(row.to.channel, self.clock.now())
            self._observe(row, notice, "ok", began)
        if receipt.room is not None and row.memory.get("room") != receipt.room.id:
            # Commands typed in that channel refer to this incident.
            await self.incidents.keep_room(receipt.room.id, row.uid)
        await self.results.record_sent(row, notice, incident, receipt)

    def _observe(self, row: LeasedRow, notice: Notice, outcome: str, began: float) -> None:
        took = self.clock.monotonic() - began
        self.metrics.deliveries.labels(row.to.channel, notice.action, outcome).inc()
        self.metrics.delivery_duration.labels(row.to.channel).observe(took)
        line.info("delivery_attempted", **log_fields(row, notice), outcome=outcome, took_ms=round(took * 1000))
