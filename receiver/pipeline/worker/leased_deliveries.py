"""Deliveries that this replica has leased: claims due rows and rows of its own commits, and sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.delivery_attempts import DeliveryAttempts
from receiver.pipeline.delivery.delivery_pool import DeliveryPool
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.store_outage.unstored_pages import UnstoredPages
from receiver.pipeline.worker.step_tasks import StepTasks
from receiver.store.client.connection import IncidentUnreadable, StoreAway
from receiver.store.client.connection_lanes import Lane
from receiver.store.due.due_set import DueSet, LeasedRow
from receiver.store.incidents.commit_request import Committed

FETCHED = 200
"""Number of leased rows that are read in one round trip, across all waiting commits."""
FETCH_AGAIN = 0.2
"""Seconds until leased rows are read again after this process was too busy to read them."""

log = structlog.get_logger("receiver.work")


class LeasedDeliveries:
    """Keeps the pool of deliveries filled. A row that is not sent is claimed again when its lease has ended."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        due: DueSet,
        monitor: StoreMonitor,
        deliver: DeliveryAttempts,
        unstored: UnstoredPages,
        tasks: StepTasks,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`deliver` sends a row; `unstored` sends pages while the store is unavailable."""
        self.setting = setting
        self.due = due
        self.monitor = monitor
        self.deliver = deliver
        self.unstored = unstored
        self.tasks = tasks
        self.clock = clock
        self.metrics = metrics
        self.pool = DeliveryPool(clock, self._send, self.spawn_send, lambda: self.setting().deadline)
        self.pool.idle = self._claim_more
        self.open = False
        """Whether the last poll found that rows may be claimed."""
        self._claiming: set[str] = set()
        """Lanes that are being refilled."""
        self._leased: list[tuple[str, str, float]] = []
        """Rows that commits of this replica have leased to it: member, token, and when the lease ends (monotonic)."""
        self._fetching = False

    async def claim_due(self, lane: str) -> None:
        """Claim due rows of `lane`, as many as there is room for."""
        if lane not in self._claiming and self._may_claim(lane):
            await self._claim(lane)

    def committed(self, done: Committed, began: float, fresh: Mapping[str, LeasedRow]) -> None:
        """Send the rows that a commit has leased to this replica.

        `began`: when the commit was sent, in monotonic seconds; `fresh`: the rows that the commit made, by member,
        which need not be read to be sent.
        """
        if self.tasks.stopping.is_set():
            return  # another replica claims them when the lease has ended
        until = began + self.setting().lease.total_seconds()
        for member in done.leased:
            if row := fresh.get(member):
                self.pool.add(row.lane, row, until)
            else:
                self._leased.append((member, done.token, until))
        self.fetch_soon()

    def fetch_soon(self) -> None:
        """Read the leased rows that are not known yet, beside the caller."""
        if self._leased and not self._fetching:
            self._fetching = True
            self.tasks.spawn("fetch", self._fetch, Lane.BEAT)

    def resume(self, row: LeasedRow, latest: float) -> None:
        """Put a page that waited for the store back into the pool; `latest`: until when it may be sent."""
        self.pool.add(row.lane or row.to.channel, row, latest + self.setting().deadline.total_seconds())

    def spawn_send(self, send: Callable[[], Awaitable[None]]) -> None:
        """Run one send in a task."""
        self.tasks.spawn("deliver", send, Lane.DELIVERIES)

    def _may_claim(self, lane: str) -> bool:
        return self.pool.free(lane) > 0 and not (self.unstored.settling and self._pages(lane))

    async def _claim(self, lane: str) -> None:
        setting = self.setting()
        until = self.clock.monotonic() + setting.lease.total_seconds()
        # A page may have to be sent without the store, so it is claimed with its incident.
        with_incident = self._pages(lane)
        free = self.pool.free(lane)
        rows = await self.due.claim(lane, to_ms(self.clock.now()), free, snapshots=with_incident)
        self.pool.full[lane] = len(rows) == free
        for row in rows:
            self.pool.add(lane, row, until)

    def _claim_more(self, lane: str) -> None:
        # When a send ends, and not only with each poll: 32 per lane in a quarter of a second are 128 a second.
        stopping = self.tasks.stopping.is_set()
        if self.open and lane not in self._claiming and not self.monitor.gone and not stopping:
            self._claiming.add(lane)
            self.tasks.spawn("claim", partial(self._claim_again, lane), Lane.BEAT)

    async def _claim_again(self, lane: str) -> None:
        try:
            if self._may_claim(lane):
                await self._claim(lane)
        finally:
            self._claiming.discard(lane)

    def _pages(self, lane: str) -> bool:
        channel = self.setting().channels.get(lane.removesuffix("!"))
        return channel is not None and channel.paging

    async def _fetch(self) -> None:
        try:
            while self._leased:
                batch = self._leased[:FETCHED]
                try:
                    rows = await self.due.rows([(member, token) for member, token, _ in batch])
                except StoreAway as condition:
                    if not condition.ours:
                        # Rows of a store that is down are claimed again when it is back and the lease has ended.
                        del self._leased[: len(batch)]
                        raise
                    await asyncio.sleep(FETCH_AGAIN)
                    continue
                del self._leased[: len(batch)]
                until = {member: end for member, _, end in batch}
                for row in rows:
                    self.pool.add(row.lane or row.to.channel, row, until[row.member])
        finally:
            self._fetching = False

    async def _send(self, row: LeasedRow, latest: float) -> None:
        self.unstored.claimed(row)
        if self.unstored.has(row, latest):
            return
        if self.monitor.gone and self._is_unsent_page(row):
            # If the store is only slow, it still accepts commits; two more round trips would delay the page.
            self.unstored.add(row, latest, StoreAway("the store is unavailable"))
            return
        try:
            await self.deliver.one(row, latest)
        except IncidentUnreadable as error:
            self.metrics.loop_errors.labels("deliver").inc()
            await self.deliver.results.record_spoiled(row, error)
        except StoreAway as condition:
            self.unstored.add(row, latest, condition)
            raise
        except Exception as error:
            self.metrics.loop_errors.labels("deliver").inc()
            log.exception("delivery_crashed", id=row.member)
            await self.deliver.results.record_spoiled(row, error)

    def _is_unsent_page(self, row: LeasedRow) -> bool:
        # It belongs to an incident in this replica's memory.
        return row.to.paging and "sent" not in row.memory and self.unstored.snapshots.get(row.uid) is not None
