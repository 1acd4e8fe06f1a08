"""Sends accepted pages that cannot be read from, or written back to, the store.

The replica that claimed a page keeps trying for at most 15 minutes without the store, under the page's own key,
and writes the receipt when the store is back.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import rfc3339, to_ms
from receiver.model.delivery.notice import Action, Notice
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.delivery_results import PAGE_WAIT, AttemptMade, ReceiptNotStored
from receiver.pipeline.open_incidents.incident_snapshots import IncidentSnapshots
from receiver.pipeline.outbox.cancelled_pages import CANCELLED, number_of
from receiver.pipeline.outbox.notices import page_notice
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.store.client.store_errors import StoreAway
from receiver.store.due.due_set import DueSet, LeasedRow, SendingOutcome

LIMIT = 15 * 60.0
"""Maximum seconds for which a page is attempted without the store."""
MOST = 2000
"""Maximum number of pages that are kept."""
AT_ONCE = 32
"""Maximum number of concurrent pages."""
FIRST = 5.0
"""Maximum seconds after the store's return for which no page is claimed until the receipts are written."""
TOGETHER = 50
"""Number of receipts that are written at once when the store is back."""
CLAIMED_WITHIN = 5.0
"""Seconds after its due time within which a postponed page is claimed again, or the store is known to be
unavailable."""
LONGEST_WAIT = 30.0
"""Maximum seconds between two attempts at a page."""

log = structlog.get_logger("receiver.delivery")


@dataclass
class UnstoredPage:
    """One page and its progress."""

    row: LeasedRow
    latest: float
    """Monotonic seconds after which its lease is too close to its end."""
    since: float
    next_at: float
    attempts: int
    busy: bool = False
    completion: dict[str, Any] | None = None
    """The result to write to the store: the page was sent."""


class UnstoredPages:
    """This replica's pages that wait for the store."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        due: DueSet,
        monitor: StoreMonitor,
        snapshots: IncidentSnapshots,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`snapshots`: incidents in this replica's memory."""
        self.setting = setting
        self.due = due
        self.monitor = monitor
        self.snapshots = snapshots
        self.clock = clock
        self.metrics = metrics
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step in the background."""
        self.resume: Callable[[LeasedRow, float], None]
        """Sends a row in the usual way again, but not after a monotonic time."""
        self.stood_still_until: Callable[[float], float] = lambda least: -math.inf
        """Returns the monotonic end of the last suspension of this process of at least that many seconds."""
        self._pages: dict[str, UnstoredPage] = {}
        self._postponed: dict[str, UnstoredPage] = {}
        """Pages that this replica postponed, with their lease returned: the store has them."""
        self._back_at = 0.0

    @property
    def settling(self) -> bool:
        """Whether receipts are still being written: a page claimed now might have just been sent."""
        soon = self.clock.monotonic() - self._back_at < FIRST
        return soon and any(one.completion is not None for one in self._pages.values())

    def __len__(self) -> int:
        """Return how many pages wait to be sent, or for their receipt to be written."""
        return len(self._pages)

    def add(self, row: LeasedRow, latest: float, condition: StoreAway) -> None:
        """Keep a row that could not be sent, or whose result could not be written, because of `condition`.

        It may be sent under its lease until `latest`, in monotonic seconds.
        """
        full = row.member not in self._pages and len(self._pages) >= MOST
        if not row.to.paging or condition.ours or isinstance(condition, AttemptMade) or full:
            return
        channel = self.setting().channels.get(row.to.channel)
        sent = isinstance(condition, ReceiptNotStored) and condition.outcome is not SendingOutcome.AGAIN
        if channel is None or not (channel.keyed or channel.looks_up or sent):
            return  # a channel that cannot distinguish a repetition from a new page: its rows wait for the store
        self.remember(row)
        now = self.clock.monotonic()
        if not isinstance(condition, ReceiptNotStored) and self.has(row, latest):
            return
        known = self._pages.get(row.member)
        made = UnstoredPage(row, latest, known.since if known else now, now, row.attempts)
        if isinstance(condition, ReceiptNotStored):
            made.attempts += 1
            if condition.outcome is not SendingOutcome.AGAIN:
                made.completion = condition.completion
            else:
                made.next_at = now + self._wait(made.attempts)
        self._pages[row.member] = made

    def has(self, row: LeasedRow, latest: float) -> bool:
        """Return whether a row that was leased again is being, or was, sent without the store: it is not sent again.

        Its result is written under the newer lease.
        """
        known = self._pages.get(row.member)
        sent = known is not None and (known.busy or known.completion is not None)
        if known is not None and sent:
            known.row, known.latest = replace(known.row, token=row.token), latest
        return sent

    def remember(self, row: LeasedRow) -> Incident | None:
        """Keep the state read with a row unless a newer one is known; return the incident as known here."""
        known = self.snapshots.get(row.uid)
        if row.snapshot is not None and (known is None or known.version < int(row.snapshot[1])):
            incident = self.snapshots.incidents.read_again(row.uid, *row.snapshot)
            if incident is not None:
                self.snapshots.keep(incident)
        return self.snapshots.get(row.uid) if row.uid else None

    def postpone(self, row: LeasedRow, wait: float, tried: bool) -> None:
        """Remember a page that is due again in `wait` seconds, to send it if the store is unavailable then.

        `tried`: the vendor refused it or did not answer.
        """
        if row.to.paging and (row.member in self._postponed or len(self._postponed) < MOST):
            now = self.clock.monotonic()
            # Its lease was returned, so it is never sent under it.
            self._postponed[row.member] = UnstoredPage(row, -math.inf, now, now + wait, row.attempts + tried)

    def claimed(self, row: LeasedRow) -> None:
        """Forget that `row` was postponed: it is being sent."""
        self._postponed.pop(row.member, None)

    def _take_postponed(self, now: float) -> None:
        # A page long past its due time was claimed by another replica, which remembers it now.
        left = {member: one for member, one in self._postponed.items() if now - one.next_at <= CLAIMED_WITHIN}
        if self.monitor.gone:
            self._pages, left = {**left, **self._pages}, {}
        self._postponed = left

    def run_once(self) -> None:
        """Start due pages while the store is unavailable. Once it is back, write the receipts and drop the rest."""
        now = self.clock.monotonic()
        if self._postponed:
            self._take_postponed(now)
        if not self.monitor.gone:
            self._settle(now)
            return
        self._back_at = now
        self._leave_to_others()
        if not self.monitor.surely_gone:
            return
        for member, one in list(self._pages.items()):
            if one.completion is None and not one.busy and now - one.since > LIMIT:
                log.error("page_given_up_without_store", id=member)
                del self._pages[member]
        free = AT_ONCE - sum(one.busy for one in self._pages.values())
        waiting = [o for o in self._pages.values() if o.completion is None and not o.busy and now >= o.next_at]
        for one in sorted(waiting, key=lambda one: one.attempts)[: max(0, free)]:
            one.busy = True
            self.spawn("unstored", partial(self._send, one))

    def _leave_to_others(self) -> None:
        # If this process was suspended for a whole lease, other replicas may have sent and resolved its pages: their
        # rows must be read again first.
        still = self.stood_still_until(self.setting().lease.total_seconds())
        for member, one in list(self._pages.items()):
            before = one.since < still or -math.inf < one.latest < still
            if one.completion is None and not one.busy and before:
                log.warning("page_postponed", id=member, reason="this process was paused for a whole lease")
                del self._pages[member]

    def _settle(self, now: float) -> None:
        sent = []
        for member, one in list(self._pages.items()):
            if one.busy:
                continue
            if one.completion is not None:
                one.busy = True
                sent.append(one)
                continue
            if now <= one.latest:
                self.resume(one.row, one.latest)
            # A page whose lease has ended is claimed by the first replica that sees it.
            del self._pages[member]
        if sent:
            self.spawn("receipts", partial(self._write_all, sent))

    async def _write_all(self, sent: Sequence[UnstoredPage]) -> None:
        # Those of one batch share a round trip. Failed writes are retried with the next beat.
        try:
            for first in range(0, len(sent), TOGETHER):
                part = sent[first : first + TOGETHER]
                replies = await asyncio.gather(*(self._write_down(one) for one in part), return_exceptions=True)
                failed = [reply for reply in replies if isinstance(reply, BaseException)]
                for one, reply in zip(part, replies, strict=True):
                    if not isinstance(reply, StoreAway):
                        self._pages.pop(one.row.member, None)
                if failed:
                    raise failed[0]
        finally:
            for one in sent:
                one.busy = False

    async def _write_down(self, one: UnstoredPage) -> None:
        told = await self.due.complete(one.row, SendingOutcome.DONE, to_ms(self.clock.now()), **(one.completion or {}))
        log.info("receipt_stored", id=one.row.member, reply=told)

    async def _send(self, one: UnstoredPage) -> None:
        try:
            await self._try(one)
        finally:
            one.busy = False

    async def _try(self, one: UnstoredPage) -> None:
        setting, now = self.setting(), self.clock.now()
        notice = self._notice(one, setting, now)
        channel = setting.channels.get(one.row.to.channel)
        if notice is None or channel is None:
            self._pages.pop(one.row.member, None)
            return
        one.attempts += 1
        one.next_at = self.clock.monotonic() + self._wait(one.attempts)
        outcome = "ok"
        try:
            await channel.send(notice)
        except DeliveryError as error:
            outcome = error.reason
            wait = max(min(error.retry_after or 0.0, PAGE_WAIT), self._wait(one.attempts))
            one.next_at = self.clock.monotonic() + wait
        else:
            one.completion = self._completion(one, notice, now)
        self.metrics.deliveries.labels(one.row.to.channel, notice.action, outcome).inc()
        incident, person = notice.incident, notice.page.person if notice.page else None
        log.warning(
            "page_sent_without_store", id=one.row.member, outcome=outcome, person=person,
            incident=incident.id if incident else None, attempt=one.attempts,
        )  # fmt: skip

    def _notice(self, one: UnstoredPage, setting: ActiveConfig, now: datetime) -> Notice | None:
        incident = self.snapshots.get(one.row.uid) if one.row.uid else None
        notice = page_notice(one.row, incident, setting, now) if incident is not None else None
        # Acknowledgements and resolves wait for the store, because the state may have changed by then.
        if notice is None or notice.action is not Action.TRIGGER:
            return None
        text = f"{notice.text} (the incident store is unavailable)" if notice.text else notice.text
        return notice.model_copy(update={"repeat": one.attempts > 0 or one.row.tries > 1, "text": text})

    def _completion(self, one: UnstoredPage, notice: Notice, now: datetime) -> dict[str, Any]:
        page = notice.page
        memory = {**one.row.memory, "sent": notice.action, "rung": True}
        memory.pop(CANCELLED, None)
        if page is not None:
            memory["called"] = page.seq
        receipt: dict[str, Any] = {
            "at": rfc3339(now), "channel": one.row.to.channel, "to": page.person if page else None,
            "action": notice.action, "outcome": "delivered", "attempts": one.attempts, "seq": one.row.last,
        }  # fmt: skip
        if (number := number_of(notice)) is not None:
            receipt["page"] = number
        return {"said": one.row.last, "memory": memory, "receipt": receipt, "triggered": True}

    @staticmethod
    def _wait(attempts: int) -> float:
        return min(LONGEST_WAIT, 2.0**attempts * random.uniform(0.5, 1.0))  # noqa: S311
