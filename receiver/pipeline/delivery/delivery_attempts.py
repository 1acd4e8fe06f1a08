"""Leased rows -> channel -> receipt. Marked as sent only after the vendor has said so."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

import structlog

from receiver.channels.base import Channel, DeliveryError
from receiver.clock import Clock
from receiver.log import DirectLog
from receiver.metrics import Metrics
from receiver.model.base import from_ms, rfc3339, to_ms
from receiver.model.delivery.notice import Action, AlertLine, Notice, Receipt
from receiver.model.delivery.public_incident import PublicNews
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import PROVED
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.circuit_breaker import CircuitBreaker
from receiver.pipeline.delivery.refused_routing_keys import REASON, RefusedKeys
from receiver.pipeline.delivery.shown_events import shown_events
from receiver.pipeline.open_incidents.unreadable_incidents import UnreadableIncidents
from receiver.pipeline.outbox.cancelled_pages import CANCELLED, cancellation, cancelled_because, number_of, said_before
from receiver.pipeline.outbox.notices import (
    alert_lines,
    document_notice,
    inform_notice,
    page_due,
    page_notice,
    plain,
    stray_notice,
)
from receiver.pipeline.outbox.outbox_rows import may_hear
from receiver.pipeline.outbox.page_delivery import GIVEN_UP
from receiver.pipeline.shared_documents import PROOF
from receiver.store.client.store_errors import IncidentUnreadable, StoreAway
from receiver.store.due.due_set import DueSet, LeasedRow, SendingOutcome, UnreadableRow
from receiver.store.due.rate_limits import RateLimits
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

PAGE_ASKS, INFORM_ASKS = 15_000, 300_000
"""Milliseconds between two questions whether a quota allows it, at most: pages are often overtaken, messages seldom."""
COMPLETE_TRIES, COMPLETE_AGAIN = 5, 0.2
"""How often, and seconds after which, the result of a send is written again while this process is overloaded."""
SLOT = "slot"
"""In a row's memory: its turn within the vendor's quota."""
DETOUR_AFTER = 5.0
"""Seconds after which a page that is not through uses the fallback channels, at its second failure at the latest."""
IN_TIME = 0.1
"""Seconds before the end of its usable lease at which a page is sent with the data that is already loaded."""
OK = CircuitBreaker()

log = structlog.get_logger("receiver.delivery")
line = DirectLog("receiver.delivery")
"""For the one line of each delivery: by the usual path it took as long as the request to the vendor."""

T = TypeVar("T")


class ReceiptNotStored(StoreAway):
    """A send has ended, and its result could not be stored."""

    condition = "receipt_not_stored"

    def __init__(self, why: StoreAway, outcome: SendingOutcome, completion: dict[str, Any]) -> None:
        """`completion` is what was to be written, as arguments of `Due.complete`."""
        super().__init__(str(why))
        self.outcome = outcome
        self.completion = completion


class AttemptMade(StoreAway):
    """Something that follows a send could not be done; what was sent is not sent again at once."""

    condition = "after_send"


def _calls(notice: Notice | None) -> bool:
    return notice is not None and notice.action is Action.TRIGGER


async def in_time(asked: Awaitable[T], until: float, clock: Clock) -> T | None:
    """Return the answer to what was `asked` of the store; None where it has not come by monotonic `until`.

    It is not cancelled: what it writes may be written later. Raises what it raises.
    """
    if until == math.inf:
        return await asked
    task = asyncio.ensure_future(asked)
    done, _ = await asyncio.wait({task}, timeout=max(0.0, until - clock.monotonic()))
    if not done:
        task.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody waits for it anymore
        return None
    return task.result()


class DeliveryListener(Protocol):
    """Who is informed of side effects of a delivery."""

    async def failed(self, row: LeasedRow, incident: Incident, reason: str) -> None:
        """A page was permanently refused: somebody else has to be paged."""

    async def detour(self, incident: Incident | None, notice: Notice, reason: str) -> None:
        """A page did not get through: its person is paged through the fallback channels, once."""


class DeliveryAttempts:
    """One attempt at one row, from the newest state to the store's receipt."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        due: DueSet,
        clock: Clock,
        metrics: Metrics,
        aside: DeliveryListener,
        pace: RateLimits,
    ) -> None:
        """`aside`: who is informed of side effects of a delivery; `pace`: the quotas of vendors."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.clock = clock
        self.metrics = metrics
        self.aside = aside
        self.pace = pace
        self.public: Callable[[Incident], PublicNews] | None = None
        """What a page elsewhere may show of an incident."""
        self.issue: Callable[[LeasedRow, Notice], Awaitable[Notice]] | None = None
        """Adds to a page the tokens by which its person can answer it."""
        self.unserved: Callable[[LeasedRow, datetime], Awaitable[None]]
        """Takes a row whose channel the configuration does not know."""
        self.sent_before: Callable[[str, str], bool] = lambda channel, key: False
        """Returns whether this replica has sent a page without the store which the vendor has accepted."""
        self.at_hand: Callable[[LeasedRow], Incident | None] = lambda row: None
        """Returns the incident of a row as this replica knew it when the row was leased; None where it does not."""
        self.postponed: Callable[[LeasedRow, float, bool], None] = lambda row, seconds, tried: None
        """Told of a page that is due again in so many seconds, and whether it was tried before."""
        self.keys = RefusedKeys(setting, due)
        self.unreadable = UnreadableIncidents(incidents)
        self.circuits: dict[str, CircuitBreaker] = {}
        """By channel: whether it is paused."""
        self.last_errors: dict[str, str] = {}
        self.last_error_times: dict[str, datetime] = {}
        """By channel: what its last failed delivery said."""
        self.last_successes: dict[str, datetime] = {}
        """By channel: when its vendor last accepted something from this replica."""

    async def one(self, row: LeasedRow, latest: float = math.inf) -> None:
        """Send the notice of `row`, and write to the store how it went. Raises StoreAway; the lease then runs out.

        Nothing is sent after `latest`, in monotonic seconds: the lease may end before the send does (reliability P3).
        """
        setting = self.setting()
        channel = setting.channels.get(row.to.channel)
        now = self.clock.now()
        if channel is None:
            await self.unserved(row, now)
            return
        if not row.whole:
            row = replace(row, to=row.to.model_copy(update={"paging": channel.paging}))
        incident, lines, whole = await self._read(row, setting, now, latest - IN_TIME)
        notice = await self._notice(row, incident, lines, channel, setting, now)
        if notice is None:
            await self.overtaken(row, incident, now)
            return
        if row.to.paging and _calls(notice) and self._sent_before(row):
            await self._done(row, notice, incident if whole else None, Receipt(ref=notice.key))
            return
        if row.attempts >= SPOILED - 2:
            notice = plain(notice) if row.memory.get("spoiled") else notice
        if await self._held_back(row, notice, channel, now, latest - IN_TIME):
            return
        notice = await self._answerable(row, notice, channel, latest - IN_TIME)
        if self.clock.monotonic() > latest:
            log.info("lease_expired", id=row.member)
            return
        try:
            # Nothing can be written into the log of an incident that cannot be read.
            await self._send(row, notice, incident if whole else None, channel)
        except ReceiptNotStored:
            raise
        except StoreAway as condition:
            # The attempt was made: it is not made again before its lease has ended.
            raise AttemptMade(str(condition)) from None

    async def _answerable(self, row: LeasedRow, notice: Notice, channel: Channel[Any], until: float) -> Notice:
        # Without the store a page goes out without buttons: it can still be opened.
        of_a_page = row.uid or PROOF in row.memory
        if self.issue is None or not of_a_page or not _calls(notice) or not channel.answerable():
            return notice
        with suppress(StoreAway):
            return await in_time(self.issue(row, notice), until, self.clock) or notice
        return notice

    async def overtaken(self, row: LeasedRow, incident: Incident | None, now: datetime) -> None:
        """Write that `row` has nothing to send: its content is outdated, or was sent. Raises StoreAway.

        A page that notified nobody ends with a receipt that says why.
        """
        more: dict[str, Any] = {}
        if row.uid and (why := cancelled_because(row, incident)) and not said_before(row.memory):
            more = {"memory": {**row.memory, CANCELLED: why}, "receipt": cancellation(row, incident, why, now)}
        await self.due.complete(row, SendingOutcome.DONE, to_ms(now), said=row.last, **more)

    def _sent_before(self, row: LeasedRow) -> bool:
        return "sent" not in row.memory and self.sent_before(row.to.channel, row.to.address)

    def resting(self, setting: ActiveConfig) -> list[str]:
        """Return the names of the channels that page people and are paused."""
        return [name for name, one in setting.channels.items() if one.paging and self.circuits.get(name, OK).open]

    async def _held_back(
        self, row: LeasedRow, notice: Notice, channel: Channel[Any], now: datetime, until: float
    ) -> bool:
        # Postponed without an attempt while the channel is paused (a page never waits), or until its quota allows.
        circuit, wait_ms, memory = self.circuits.get(row.to.channel, OK), 0, dict(row.memory)
        if not row.to.paging and not circuit.allows(now) and circuit.until is not None:
            wait_ms = to_ms(circuit.until) - to_ms(now) + random.randrange(1000)  # noqa: S311
        elif not row.to.paging and circuit.open:
            self.circuits[row.to.channel] = circuit.tried(now)
        turn = int(memory.pop(SLOT, 0))
        if not wait_ms and (quotas := channel.quotas(notice)):
            most = PAGE_ASKS if row.to.paging else INFORM_ASKS
            drawn = self.pace.draw(row.to.channel, quotas, to_ms(now), turn, most)
            # If the lease ends before a slow store answers, the page is sent; the vendor refuses one above the quota.
            calls = row.to.paging and _calls(notice)
            wait_ms, turn = await in_time(drawn, until if calls else math.inf, self.clock) or (0, 0)
        if not wait_ms:
            return False
        if turn:
            memory[SLOT] = turn
        again = to_ms(now) + wait_ms
        await self.due.complete(row, SendingOutcome.LATER, to_ms(now), again_ms=again, told_to_wait=True, memory=memory)
        if notice.action is Action.TRIGGER:
            self.postponed(row, wait_ms / 1000, False)
        return True

    def _learn(self, name: str, circuit: CircuitBreaker) -> None:
        before = self.circuits.get(name, OK)
        self.circuits[name] = circuit
        if before.open is not circuit.open:
            self.metrics.circuit.labels(name).set(int(circuit.open))
            log.warning("circuit", channel=name, open=circuit.open)

    async def _read(
        self, row: LeasedRow, setting: ActiveConfig, now: datetime, until: float
    ) -> tuple[Incident | None, tuple[AlertLine, ...] | None, bool]:
        # The incident, the alerts of a page, and whether the incident could be read as it is.
        if not row.whole and not (row.to.paging and row.uid and row.attempts):
            raise UnreadableRow(row.member)
        if not row.uid:
            return None, None, True
        uid, incidents = row.uid, self.incidents
        if not row.to.paging:
            return await incidents.incident(uid), None, True
        known = self.at_hand(row) if until < math.inf else None
        due = page_due(row, known) if known is not None else None
        calls = due is not None and due[1] is Action.TRIGGER
        try:
            if due is not None and not calls:
                # As far as is known here it ends a page, and names no alerts. Should it call after all, they are read.
                return await incidents.incident(uid), None, True
            # All of a page at once: a store that takes half a second a command must not take two for it.
            asked = incidents.ask_page(uid)
            # With a store so slow that the lease ends before it answers, no replica would ever send it.
            replies = await in_time(asked, until if calls else math.inf, self.clock)
            if replies is None:
                log.warning("page_sent_as_leased", id=row.member)
                return known, (), True
            incident, records, bodies = incidents.page_of(uid, replies)
        except IncidentUnreadable:
            # First a replica of the version that has written it may take it; then it is paged as far as it can be read.
            incident = await self.unreadable.to_page(row, setting.policy, now) if row.attempts else None
            if incident is None:
                raise
            return incident, (), False
        return incident, tuple(alert_lines(records, bodies)), True

    async def _notice(
        self,
        row: LeasedRow,
        incident: Incident | None,
        lines: tuple[AlertLine, ...] | None,
        channel: Channel[Any],
        setting: ActiveConfig,
        now: datetime,
    ) -> Notice | None:
        if not row.uid:
            return stray_notice(row, setting, now)
        # An incident may have become private since this was owed.
        if incident is None or not may_hear(row.to, incident, setting):
            return None
        if row.to.paging:
            notice = page_notice(row, incident, setting, now)
            if notice is None or notice.action is not Action.TRIGGER:
                return notice
        else:
            if channel.documents:
                whole, receipts = await self.incidents.events(row.uid), await self.incidents.receipts(row.uid)
                return document_notice(row, incident, whole, setting, now, receipts)
            events = await shown_events(self.incidents, await self.incidents.events(row.uid, row.cursor))
            notice = inform_notice(row, incident, events, (), setting, now)
            if notice is None:
                return None
        if channel.publishes and self.public is not None:
            return notice.model_copy(update={"public": self.public(incident)})
        if incident.private:
            return notice  # its alerts are named nowhere
        if lines is None:
            lines = tuple(alert_lines(await self.incidents.records(row.uid), await self.incidents.bodies(row.uid)))
        return notice.model_copy(update={"alerts": lines})

    async def _send(self, row: LeasedRow, notice: Notice, incident: Incident | None, channel: Channel[Any]) -> None:
        began = self.clock.monotonic()
        try:
            receipt = await channel.send(notice)
        except DeliveryError as error:
            self._observe(row, notice, error.reason, began)
            self.last_errors[row.to.channel] = str(error)
            self.last_error_times[row.to.channel] = self.clock.now()
            before = self.circuits.get(row.to.channel, OK)
            self._learn(row.to.channel, before.record_failure(error.reason, self.clock.now()))
            await self._again(row, notice, incident, error)
            await self._detour(row, notice, incident, error)
            if row.to.paging and error.reason == REASON:
                await self.keys.refused(row.to.channel, notice, error.detail, self.clock.now())
            return
        if row.to.paging:
            self.keys.accepted(row.to.channel, notice)
        if not receipt.nothing:
            self._learn(row.to.channel, OK)
            self.last_successes[row.to.channel] = self.clock.now()
            self._observe(row, notice, "ok", began)
        if receipt.room is not None and row.memory.get("room") != receipt.room.id:
            # Commands that are typed there are about this incident.
            await self.incidents.keep_room(receipt.room.id, row.uid)
        await self._done(row, notice, incident, receipt)

    async def _done(self, row: LeasedRow, notice: Notice, incident: Incident | None, receipt: Receipt) -> None:
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

    async def _again(self, row: LeasedRow, notice: Notice, incident: Incident | None, error: DeliveryError) -> None:
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
        log.warning("delivery_failed", **_subject(row, notice), reason=error.reason, error=error.detail,
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

    async def _detour(self, row: LeasedRow, notice: Notice, incident: Incident | None, error: DeliveryError) -> None:
        # Whoever is not reached within seconds is called another way; the page itself goes on being tried.
        if notice.action is not Action.TRIGGER or notice.page is None or notice.page.step == PROVED:
            return  # nobody else is called because a test page is not through
        if error.permanent:
            # Of an incident's page `failed` has told; one outside any has nobody else.
            if incident is None:
                await self.aside.detour(None, notice, error.reason)
            return
        waited = (self.clock.now() - from_ms(row.since_ms)).total_seconds() if row.since_ms else 0.0
        away = self.circuits.get(row.to.channel, OK).open
        if row.attempts >= 1 or away or waited >= DETOUR_AFTER or (error.retry_after or 0) > DETOUR_AFTER:
            await self.aside.detour(incident, notice, error.reason)

    async def park(
        self, row: LeasedRow, notice: Notice | None, incident: Incident | None, reason: str, detail: str
    ) -> None:
        """Give `row` up and keep it as a dead letter; whom a page was to call is called another way."""
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
        log.error("dead_letter", id=row.member, **_subject(row, notice), reason=reason, detail=detail)
        # A person who was paged is not paged another way because the vendor did not take the acknowledgement.
        calls = notice is None or notice.action is Action.TRIGGER
        if row.to.paging and calls and incident is not None and not incident.state.over:
            await self.aside.failed(row, incident, reason)

    async def spoiled(self, row: LeasedRow, error: BaseException) -> None:
        """A row failed for its own fault, not the vendor's: it comes back, plainer, and is parked the fifth time."""
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

    def _observe(self, row: LeasedRow, notice: Notice, outcome: str, began: float) -> None:
        took = self.clock.monotonic() - began
        self.metrics.deliveries.labels(row.to.channel, notice.action, outcome).inc()
        self.metrics.delivery_duration.labels(row.to.channel).observe(took)
        line.info("delivery", **_subject(row, notice), outcome=outcome, took_ms=round(took * 1000))


def _subject(row: LeasedRow, notice: Notice | None) -> dict[str, Any]:
    # What every line about a delivery says.
    incident = notice.incident if notice else None
    return {
        "channel": row.to.channel,
        "action": str(notice.action) if notice else None,
        "incident": incident.id if incident else None,
        "severity": incident.severity if incident else None,
        "person": notice.page.person if notice and notice.page else None,
        "attempt": row.attempts + 1,
    }
