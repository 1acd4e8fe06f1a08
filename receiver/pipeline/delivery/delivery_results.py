"""Writes the result of a delivery to the store: sent, outdated, given up, or to be retried, with the retry delay."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import from_ms, rfc3339, to_ms
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import PROVED
from receiver.pipeline.delivery.channel_health import ChannelHealth
from receiver.pipeline.delivery.delivery_listener import DeliveryListener
from receiver.pipeline.delivery.delivery_log import log_fields
from receiver.pipeline.outbox.cancelled_pages import CANCELLED, cancellation, cancelled_because, number_of, said_before
from receiver.pipeline.outbox.page_delivery import GIVEN_UP
from receiver.store.client.store_errors import IncidentUnreadable, StoreAway
from receiver.store.due.due_set import DueSet, LeasedRow, SendingOutcome
from receiver.store.incidents.incident_store import IncidentStore

PAGE_BACKOFF = 30.0
"""Maximum seconds between attempts at a page, which is retried without limit."""
INFORM_BACKOFF = 900.0
INFORM_FOR_MS = 12 * 3600 * 1000
"""Every delivery except a page becomes a dead letter after half a day."""
LONGEST_WAIT, PAGE_WAIT = 900.0, 60.0
"""Maximum Retry-After in seconds that is respected; for a page a minute, the period of PagerDuty's rate limit."""
SPOILED = 5
"""Number of internal failures after which a row becomes a dead letter."""
COMPLETE_TRIES, COMPLETE_AGAIN = 5, 0.2
"""How often, and after how many seconds, writing a result is retried while this process is overloaded."""
SLOT = "slot"
"""The key in a row's memory for its slot in the vendor's quota."""
FALLBACK_AFTER = 5.0
"""Seconds after which an undelivered page uses the fallback channels, at its second failure at the latest."""

log = structlog.get_logger("receiver.delivery")


class ReceiptNotStored(StoreAway):
    """A send has ended, and its result could not be stored."""

    condition = "receipt_not_stored"

    def __init__(self, why: StoreAway, outcome: SendingOutcome, completion: dict[str, Any]) -> None:
        """`completion`: the result to write, as arguments of `DueSet.complete`."""
        super().__init__(str(why))
        self.outcome = outcome
        self.completion = completion


class AttemptMade(StoreAway):
    """A step after a send failed; the row is not sent again at once."""

    condition = "after_send"


class DeliveryResults:
    """Writes results of deliveries, with a receipt for the incident's history."""

    def __init__(
        self,
        incidents: IncidentStore,
        due: DueSet,
        health: ChannelHealth,
        listener: DeliveryListener,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`listener`: called if a person must be paged by another channel."""
        self.incidents = incidents
        self.due = due
        self.health = health
        self.listener = listener
        self.clock = clock
        self.metrics = metrics
        self.postponed: Callable[[LeasedRow, float, bool], None] = lambda row, seconds, tried: None
        """Called with a page, the seconds until it is due again, and whether it was attempted before."""

    async def record_outdated(self, row: LeasedRow, incident: Incident | None, now: datetime) -> None:
        """Record that `row` has nothing to send: its content is outdated, or was sent. Raises StoreAway.

        A page that notified no one ends with a receipt that has the reason.
        """
        more: dict[str, Any] = {}
        if row.uid and (why := cancelled_because(row, incident)) and not said_before(row.memory):
            more = {"memory": {**row.memory, CANCELLED: why}, "receipt": cancellation(row, incident, why, now)}
        await self.due.complete(row, SendingOutcome.DONE, to_ms(now), said=row.last, **more)

    async def record_sent(self, row: LeasedRow, notice: Notice, incident: Incident | None, receipt: Receipt) -> None:
        """Record that the vendor has accepted `notice`. Raises ReceiptNotStored."""
        now = self.clock.now()
        memory = {**row.memory, **receipt.memory}
        memory.pop("spoiled", None)
        memory.pop(SLOT, None)
        why = cancelled_because(row, incident) if notice.action is not Action.TRIGGER else None
        if row.to.paging:
            memory.pop(CANCELLED, None)
            if why:
                memory[CANCELLED] = why
            memory["sent"] = notice.action
            if notice.action is Action.TRIGGER or row.memory.get("sent") == Action.TRIGGER:
                memory["rung"] = True
            if notice.action is Action.TRIGGER and notice.page is not None:
                memory["called"] = notice.page.seq
        said = max([row.last, *(event.seq for event in notice.events)])
        fresh = receipt.room if receipt.room is not None and row.memory.get("room") != receipt.room.id else None
        room = fresh.name if fresh is not None else None
        more = {"ref": receipt.ref, "warning": receipt.warning, "room": room, CANCELLED: why}
        told = self._receipt(row, notice, now, "delivered", **more)
        kept = None if receipt.nothing else told
        triggered = notice.action is Action.TRIGGER
        await self._complete(
            row, SendingOutcome.DONE, to_ms(now), said=said, memory=memory, receipt=kept, triggered=triggered
        )
        if row.since_ms:
            self.metrics.lag.labels(row.to.channel).observe(max(0.0, now.timestamp() - row.since_ms / 1000))

    async def record_failed(
        self, row: LeasedRow, notice: Notice, incident: Incident | None, error: DeliveryError
    ) -> None:
        """Record when `notice` is retried, or give it up if a retry is useless. Raises ReceiptNotStored."""
        now = self.clock.now()
        tired = not row.to.paging and row.since_ms > 0 and to_ms(now) - row.since_ms > INFORM_FOR_MS
        if error.permanent or tired:
            await self.park(row, notice, incident, error.reason, error.detail)
            return
        most = PAGE_BACKOFF if row.to.paging else INFORM_BACKOFF
        wait = min(most, 2.0 ** min(row.attempts, 12)) * random.uniform(0.5, 1.0)  # noqa: S311
        if error.retry_after is not None:
            wait = max(wait, min(error.retry_after, PAGE_WAIT if row.to.paging else LONGEST_WAIT))
        again = to_ms(now) + round(wait * 1000)
        log.warning("delivery_failed", **log_fields(row, notice), reason=error.reason, error=error.detail,
                    retried_at=rfc3339(from_ms(again)))  # fmt: skip
        kept = self._receipt(row, notice, now, error.reason, detail=error.detail) if row.attempts < 3 else None
        memory = {**row.memory, **error.progress}
        memory.pop(SLOT, None)
        await self._complete(
            row, SendingOutcome.AGAIN, to_ms(now), again_ms=again, told_to_wait=error.retry_after is not None,
            receipt=kept,
            memory=memory, triggered=notice.action is Action.TRIGGER,
        )  # fmt: skip
        if notice.action is Action.TRIGGER:
            self.postponed(row, wait, True)

    async def _complete(self, row: LeasedRow, outcome: SendingOutcome, now_ms: int, **more: Any) -> None:
        # A sent row must not be sent again just because this process had no free connection to record it.
        for left in reversed(range(COMPLETE_TRIES)):
            try:
                await self.due.complete(row, outcome, now_ms, **more)
                return
            except StoreAway as condition:
                if not condition.ours or not left:
                    raise ReceiptNotStored(condition, outcome, more) from None
            await asyncio.sleep(COMPLETE_AGAIN)

    async def start_fallback(
        self, row: LeasedRow, notice: Notice, incident: Incident | None, error: DeliveryError
    ) -> None:
        """Page a person who is not reached within seconds by another channel; the page itself is still retried."""
        if notice.action is not Action.TRIGGER or notice.page is None or notice.page.step == PROVED:
            return  # a failed test page causes no other page
        if error.permanent:
            # `page_failed` handles a page of an incident; a page outside any incident has no one else to notify.
            if incident is None:
                await self.listener.use_fallback(None, notice, error.reason)
            return
        waited = (self.clock.now() - from_ms(row.since_ms)).total_seconds() if row.since_ms else 0.0
        away = self.health.circuit(row.to.channel).open
        if row.attempts >= 1 or away or waited >= FALLBACK_AFTER or (error.retry_after or 0) > FALLBACK_AFTER:
            await self.listener.use_fallback(incident, notice, error.reason)

    async def park(
        self, row: LeasedRow, notice: Notice | None, incident: Incident | None, reason: str, detail: str
    ) -> None:
        """Turn `row` into a dead letter; the person of a page is paged by another channel. Raises StoreAway."""
        now = self.clock.now()
        about = incident or (notice.incident if notice else None)
        letter = {
            "id": row.member,
            "incident": about.id if about else None,
            "channel": row.to.channel,
            "action": notice.action if notice else None,
            "reason": reason,
            "detail": detail,
            "at": rfc3339(now),
            "attempts": row.attempts + 1,
        }
        kept = self._receipt(row, notice, now, reason, detail=detail, **{GIVEN_UP: True})
        await self._complete(row, SendingOutcome.PARKED, to_ms(now), receipt=kept, letter=letter)
        log.error("dead_letter_created", id=row.member, **log_fields(row, notice), reason=reason, detail=detail)
        # If the vendor refused an acknowledgement, the person, who was paged already, is not paged by another channel.
        calls = notice is None or notice.action is Action.TRIGGER
        if row.to.paging and calls and incident is not None and not incident.state.over:
            await self.listener.page_failed(row, incident, reason)

    async def record_spoiled(self, row: LeasedRow, error: BaseException) -> None:
        """Record that a row failed because of its content, not the vendor. Raises StoreAway.

        It is retried as plain text, and finally given up.
        """
        now = self.clock.now()
        name = type(error).__name__
        if row.attempts + 1 >= SPOILED:
            incident = None
            with suppress(IncidentUnreadable):
                incident = await self.incidents.incident(row.uid) if row.uid else None
            await self.park(row, None, incident, "spoiled", name)
            return
        again = to_ms(now) + 1000
        memory = {**row.memory, "spoiled": name}
        await self.due.complete(row, SendingOutcome.AGAIN, to_ms(now), again_ms=again, memory=memory)

    def _receipt(
        self, row: LeasedRow, notice: Notice | None, now: datetime, outcome: str, **more: Any
    ) -> dict[str, Any]:
        page = notice.page if notice else None
        return {
            "at": rfc3339(now),
            "channel": row.to.channel,
            "to": page.person if page else row.to.address if not row.to.paging else None,
            "action": notice.action if notice else None,
            "outcome": outcome,
            "attempts": row.attempts + 1,
            "seq": row.last,
            **{name: value for name, value in {**more, "page": number_of(notice)}.items() if value is not None},
        }
