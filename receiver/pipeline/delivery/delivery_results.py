"""How a delivery ended, written to the store: sent, to be tried again, outdated, or given up."""

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
"""Seconds between attempts at a page, at most; there is no last one (architecture.md, Delivery)."""
INFORM_BACKOFF = 900.0
INFORM_FOR_MS = 12 * 3600 * 1000
"""Everything but a page gives up after half a day and becomes a dead letter."""
LONGEST_WAIT, PAGE_WAIT = 900.0, 60.0
"""Seconds of Retry-After that are believed; of a page a minute, in which the limit of PagerDuty is counted."""
SPOILED = 5
"""Failures of our own making after which a row is parked."""
COMPLETE_TRIES, COMPLETE_AGAIN = 5, 0.2
"""How often, and seconds after which, the result of a send is written again while this process is overloaded."""
SLOT = "slot"
"""In a row's memory: its turn within the vendor's quota."""
FALLBACK_AFTER = 5.0
"""Seconds after which a page that is not through uses the fallback channels, at its second failure at the latest."""

log = structlog.get_logger("receiver.delivery")


class ReceiptNotStored(StoreAway):
    """A send has ended, and its result could not be stored."""

    condition = "receipt_not_stored"

    def __init__(self, why: StoreAway, outcome: SendingOutcome, completion: dict[str, Any]) -> None:
        """`completion` is what was to be written, as arguments of `DueSet.complete`."""
        super().__init__(str(why))
        self.outcome = outcome
        self.completion = completion


class AttemptMade(StoreAway):
    """Something that follows a send could not be done; what was sent is not sent again at once."""

    condition = "after_send"


class DeliveryResults:
    """Writes how deliveries ended, with a receipt for the incident's history."""

    def __init__(
        self,
        incidents: IncidentStore,
        due: DueSet,
        health: ChannelHealth,
        listener: DeliveryListener,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`listener` is told of people who are to be called another way."""
        self.incidents = incidents
        self.due = due
        self.health = health
        self.listener = listener
        self.clock = clock
        self.metrics = metrics
        self.postponed: Callable[[LeasedRow, float, bool], None] = lambda row, seconds, tried: None
        """Told of a page that is due again in so many seconds, and whether it was tried before."""

    async def record_outdated(self, row: LeasedRow, incident: Incident | None, now: datetime) -> None:
        """Write that `row` has nothing to send: its content is outdated, or was sent. Raises StoreAway.

        A page that notified nobody ends with a receipt that says why.
        """
        more: dict[str, Any] = {}
        if row.uid and (why := cancelled_because(row, incident)) and not said_before(row.memory):
            more = {"memory": {**row.memory, CANCELLED: why}, "receipt": cancellation(row, incident, why, now)}
        await self.due.complete(row, SendingOutcome.DONE, to_ms(now), said=row.last, **more)

    async def record_sent(self, row: LeasedRow, notice: Notice, incident: Incident | None, receipt: Receipt) -> None:
        """Write that the vendor has accepted `notice`. Raises ReceiptNotStored."""
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
        """Write when `notice` is tried again, or give it up where that is of no use. Raises ReceiptNotStored."""
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
        # What was sent must not be sent again because this process found no connection free to write that down.
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
        """Call a person who is not reached within seconds another way; the page itself goes on being tried."""
        if notice.action is not Action.TRIGGER or notice.page is None or notice.page.step == PROVED:
            return  # nobody else is called because a test page is not through
        if error.permanent:
            # `page_failed` has told of an incident's page; of one outside any incident nobody else is told.
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
        """Give `row` up and keep it as a dead letter; the person whom a page was to call is called another way.

        Raises StoreAway.
        """
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
        # A person who was paged is not paged another way because the vendor did not take the acknowledgement.
        calls = notice is None or notice.action is Action.TRIGGER
        if row.to.paging and calls and incident is not None and not incident.state.over:
            await self.listener.page_failed(row, incident, reason)

    async def record_spoiled(self, row: LeasedRow, error: BaseException) -> None:
        """Write that a row failed for its own fault, not the vendor's: it comes back, plainer, and is parked at last.

        Raises StoreAway.
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
