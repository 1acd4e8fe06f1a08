"""The work loop: follows the store, claims what is due, and starts it. Every step is guarded and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.delivery_attempts import DeliveryAttempts
from receiver.pipeline.delivery.delivery_events import DeliveryEvents
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.unconfirmed_commits import UnconfirmedCommit, UnconfirmedCommits
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.open_incidents.incident_snapshots import IncidentSnapshots
from receiver.pipeline.store_outage.emergency_escalation import EmergencyEscalation
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.store_outage.store_recovery import StoreRecovery
from receiver.pipeline.store_outage.unstored_pages import UnstoredPages
from receiver.pipeline.supervision import run_step
from receiver.pipeline.worker.clock_agreement import ClockAgreement
from receiver.pipeline.worker.leased_deliveries import LeasedDeliveries
from receiver.pipeline.worker.step_tasks import StepTasks
from receiver.pipeline.worker.timer_runner import TimerRunner
from receiver.store.client.connection import StoreAway
from receiver.store.client.connection_lanes import Lane
from receiver.store.due.due_set import DueSet
from receiver.store.due.rate_limits import RateLimits
from receiver.store.due.store_poll import StoreBeat
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.keys import TIMERS

ORPHAN_CHECK = 15.0
"""Seconds between two checks for lanes that no replica serves; each time, this replica reports the lanes it serves."""
POLL = 0.25
"""Seconds between two polls of the store: work that another replica has left is late by this and its lease, at most."""
PENDING = 0.2
"""Seconds between two checks of work that does not wait for the store."""
REFRESH = 1.0
"""Seconds between two checks for urgent incidents that other replicas have changed; they may be paged without the
store."""


class WorkLoop:
    """Everything that happens later: deliveries, timers, held notifications, and monitoring of the store."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        due: DueSet,
        incident_cache: IncidentCache,
        monitor: StoreMonitor,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`attach` completes it: the intake needs the deliveries, and the loop needs the intake."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.incident_cache = incident_cache
        self.monitor = monitor
        self.clock = clock
        self.metrics = metrics
        self.intake: Intake
        self.steps: EmergencyEscalation
        self.tasks = StepTasks(monitor, metrics, due.probe)
        self.spawn, self.idle = self.tasks.spawn, self.tasks.idle
        self.timers = TimerRunner(setting, incidents, due, monitor, self.tasks, clock, metrics)
        self.unconfirmed = UnconfirmedCommits(due.connection, clock, setting)
        self._confirming = False
        self._build_store_parts()
        self._build_deliveries()
        self.polled_at: float = clock.monotonic()
        """When the last poll ended, in monotonic seconds."""
        self._loaded = False
        self.read_shared_documents: Callable[[], Awaitable[int]] | None = None
        """Applies the shared documents, and returns their revision."""
        self.documents_revision = 0
        """The revision of the shared documents that this replica has applied."""
        self.check_orphaned_rows: Callable[[datetime], Awaitable[None]]
        """Gives up rows of lanes that no replica serves."""
        self._orphans_checked: float | None = None

    def _build_store_parts(self) -> None:
        setting, due, clock = self.setting, self.due, self.clock
        self.follower = IncidentFollower(setting, self.incidents, self.incident_cache)
        self.snapshots = IncidentSnapshots(self.incident_cache, self.incidents)
        self._refreshed = clock.monotonic()
        self.recovery = StoreRecovery(
            setting,
            incidents=self.incidents,
            due=due,
            cache=self.incident_cache,
            follower=self.follower,
            clock=clock,
            metrics=self.metrics,
        )
        self.clock_agreement = ClockAgreement(setting, due, self.incidents, clock, lambda: self.intake)

    def _build_deliveries(self) -> None:
        setting, due, clock, metrics = self.setting, self.due, self.clock, self.metrics
        self.delivery_events = DeliveryEvents(setting, self.incidents, due, clock, metrics, lambda: self.intake)
        rates = RateLimits(due.connection)
        self.deliver = DeliveryAttempts(setting, self.incidents, due, clock, metrics, self.delivery_events, rates)
        self.unstored = UnstoredPages(setting, due, self.monitor, self.snapshots, clock, metrics)
        self.deliver.results.postponed = self.unstored.postpone
        self.deliver.notices.at_hand = self.unstored.remember
        self.deliveries = LeasedDeliveries(
            setting, due, self.monitor, self.deliver, self.unstored, self.tasks, clock, metrics
        )
        self.unstored.spawn, self.unstored.resume = self.tasks.spawn, self.deliveries.resume
        self.pool, self.committed = self.deliveries.pool, self.deliveries.committed

    def attach(self, intake: Intake) -> None:
        """Set the intake."""
        self.intake = self.timers.intake = intake
        intake.writer.unconfirmed = self._add_unconfirmed

    def renew(self) -> None:
        """Load everything again with the next poll: a new configuration may need other timers."""
        self._loaded, self._orphans_checked = False, None

    async def run(self) -> None:
        """Poll the store until `stop`."""
        stopping = self.tasks.stopping
        while not stopping.is_set():
            await self.guarded_poll()
            self.polled_at = self.clock.monotonic()
            try:
                await asyncio.wait_for(stopping.wait(), POLL)
            except TimeoutError:
                continue

    async def run_pending(self) -> None:
        """Check until `stop` for work that does not wait for the store: one poll of a slow store takes seconds."""
        while not self.tasks.stopping.is_set():
            await self.tasks.guard("beat", self.check_pending)
            await asyncio.sleep(PENDING)

    async def stop(self, grace: float) -> None:
        """Claim nothing more, and wait `grace` seconds for running sends. Other replicas claim the rest."""
        self.pool.stopping = True
        await self.tasks.stop(self.clock.monotonic() + grace, self.clock.monotonic)

    async def guarded_poll(self) -> None:
        """Poll once. Errors are counted, and an unavailable store is reported to the monitor."""
        await self.tasks.guard("beat", self.poll)

    async def check_pending(self) -> None:
        """Start what is sent without the store, and query commits whose answer did not arrive."""
        self.unstored.run_once()
        self.steps.run_once()
        self._confirm_soon()
        if self.monitor.gone:
            # A page that waits for its turn is sent without the store.
            for row, latest in self.pool.take_waiting():
                self.unstored.add(row, latest, StoreAway("the store became unavailable before it was sent"))

    async def poll(self) -> None:
        """Follow the store's clock and the changes of other replicas, and start what is due."""
        await self.check_pending()
        if self.monitor.gone:
            return
        self.pool.refill_all()
        self.deliveries.fetch_soon()
        self._refresh_soon()
        if not self._loaded:
            await self.clock_agreement.first()
            await self.load()
        began = self.clock.monotonic()
        expected = self.recovery.expected
        commit = expected.newest.number if expected.newest else 0
        now_ms = to_ms(self.clock.now())
        beat = await self.due.beat(self.incident_cache.after, now_ms, self.recovery.memory.me, commit)
        await self.clock_agreement.compare(beat.time_ms, beat.clock, self.clock.monotonic() - began)
        self._show(beat)
        if await self.recovery.check_beat(beat, expected, self.clock_agreement.silent_ms):
            self._loaded = False
            return
        await self._follow(beat)
        if self.recovery.waits:
            self.spawn("memory", partial(self.recovery.keep, beat.until_ms))
        if self.clock_agreement.waits:
            self.spawn("clock", self.clock_agreement.keep)
        self.deliveries.open = not self.recovery.holds(beat.until_ms)
        if self.deliveries.open:
            self._check_orphans()
            await self._claim_due(beat)

    def _check_orphans(self) -> None:
        if self._orphans_checked is None or self.clock.monotonic() - self._orphans_checked >= ORPHAN_CHECK:
            self._orphans_checked = self.clock.monotonic()
            self.spawn("tend", partial(self.check_orphaned_rows, self.clock.now()))

    async def _claim_due(self, beat: StoreBeat) -> None:
        for lane in beat.due:
            if lane != TIMERS:
                await self.deliveries.claim_due(lane)
            elif not self.steps.recording:
                self.timers.start()

    async def load(self) -> None:
        """Load the open incidents that can be read quickly, and seed the timers of the service itself."""
        if await self.follower.forgotten():
            await self.intake.store_again()
        await self.follower.load()
        watchdog = await self.intake.watchdogs.last_ms()
        if watchdog is not None:
            self.metrics.watchdog.set(watchdog / 1000)
        await self.timers.seed(self.clock.now())
        self._loaded = True
        self.metrics.store_up.set(int(not self.monitor.away))

    async def _follow(self, beat: StoreBeat) -> None:
        if beat.documents_revision != self.documents_revision and self.read_shared_documents is not None:
            await self._apply_shared_documents(self.read_shared_documents, beat.documents_revision)
        await self.follower.follow(beat.changed)
        if not (self.incident_cache.complete or self.follower.filling):
            self.spawn("load", self.follower.fill)

    async def _apply_shared_documents(self, read: Callable[[], Awaitable[int]], revision: int) -> None:
        async def apply() -> None:
            self.documents_revision = await read()

        # A revision that cannot be applied is skipped until the next one, so that due work does not wait for it.
        if not await run_step("beat", apply, self.metrics):
            self.documents_revision = revision

    def _show(self, beat: StoreBeat) -> None:
        self.metrics.depth.set(beat.depth)
        self.metrics.oldest.set((beat.oldest_ms or 0) / 1000)
        self.metrics.dead.set(beat.dead)
        self.metrics.overdue.set(beat.overdue)

    def _refresh_soon(self) -> None:
        if self.clock.monotonic() - self._refreshed >= REFRESH:
            self._refreshed = self.clock.monotonic()
            if self.snapshots.behind():
                self.spawn("snapshots", self.snapshots.refresh)

    def _add_unconfirmed(self, commit: UnconfirmedCommit) -> None:
        self.unconfirmed.add(commit)
        self._confirm_soon()

    def _confirm_soon(self) -> None:
        if len(self.unconfirmed) and not self._confirming and not self.tasks.stopping.is_set():
            # Also while the store is unavailable: a slow store has the pages, and no other replica sends them.
            self._confirming = True
            self.spawn("fetch", self._confirm, Lane.BEAT)

    async def _confirm(self) -> None:
        try:
            await self.unconfirmed.ask()
        finally:
            self._confirming = False
