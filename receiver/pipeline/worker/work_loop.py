"""The work loop: follows the store, claims what is due, and starts it. Every step is guarded and counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

import structlog

from receiver.clock import Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import on_timer, timers
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.delivery_attempts import DeliveryAttempts
from receiver.pipeline.delivery.delivery_events import DeliveryEvents
from receiver.pipeline.delivery.delivery_pool import DeliveryPool
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.unconfirmed_commits import UnconfirmedCommits, UnheardCommit
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.open_incidents.incident_snapshots import IncidentSnapshots
from receiver.pipeline.store_outage.emergency_escalation import EmergencyEscalation
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.store_outage.store_recovery import StoreRecovery
from receiver.pipeline.store_outage.unstored_pages import UnstoredPages
from receiver.pipeline.supervision import run_step
from receiver.pipeline.worker.clock_agreement import ClockAgreement
from receiver.store.client.connection import IncidentUnreadable, StoreAway
from receiver.store.client.connection_lanes import Lane
from receiver.store.client.connection_lanes import lane as using
from receiver.store.client.store_errors import StoreFull
from receiver.store.due.due_set import DueSet, LeasedRow, StoreBeat
from receiver.store.due.leased_row import uid_of
from receiver.store.due.rate_limits import RateLimits
from receiver.store.incidents.commit_request import Committed, StaleVersion
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.keys import TIMERS

TEND = 15.0
"""Seconds between two times that a replica says which lanes it serves, and looks for those that nobody does."""
BEAT = 0.25
"""Seconds between two looks at the store: what another replica left undone is late by this and its lease, at most."""
LOOK = 0.2
"""Seconds between two looks at what does not wait for the store."""
REFRESH = 1.0
"""Seconds between two looks for urgent incidents that others have changed: they may be paged without the store."""
FETCH = 200
"""Leased rows that are read in one round trip, of as many commits as have waited."""
TIMERS_CLAIMED = 200
"""Timers that are claimed at once."""
TIMERS_AT_ONCE = 16
"""Incidents whose timers run at the same time."""
APART = ("held ", "sys ")
"""How timers begin that are of no incident."""
FETCH_AGAIN = 0.2
"""Seconds until leased rows are read again after this process was too busy to."""

log = structlog.get_logger("receiver.work")


class WorkLoop:
    """Everything that happens later: deliveries, timers, holds, and the watch over the store."""

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
        """`attach` completes it: intake needs to know of the deliveries, and the loop of the intake."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.incident_cache = incident_cache
        self.monitor = monitor
        self.follower = IncidentFollower(setting, incidents, incident_cache)
        self.clock = clock
        self.metrics = metrics
        self.beside = DeliveryEvents(setting, incidents, due, clock, metrics, lambda: self.intake)
        self.deliver = DeliveryAttempts(
            setting, incidents, due, clock, metrics, self.beside, RateLimits(due.connection)
        )
        self.pool = DeliveryPool(clock, self._send, self._spawn_send, lambda: self.setting().deadline)
        self.pool.idle = self._claim_more
        self.beat_at: float = clock.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leased: list[tuple[str, str, float]] = []
        """Rows that commits of this replica have leased to it: member, token, and when the lease ends (monotonic)."""
        self._fetching = self._asking = False
        self.unheard = UnconfirmedCommits(due.connection, clock, setting)
        self._stopping = asyncio.Event()
        self.snapshots = IncidentSnapshots(incident_cache, incidents)
        self._refreshed = clock.monotonic()
        self.unstored = UnstoredPages(setting, due, monitor, self.snapshots, clock, metrics)
        self.unstored.spawn, self.unstored.resume = self.spawn, self._resume
        self.steps: EmergencyEscalation
        self.deliver.postponed = self.unstored.postpone
        self.deliver.at_hand = self.unstored.remember
        self.intake: Intake
        self.recovery = StoreRecovery(
            setting,
            incidents=incidents,
            due=due,
            cache=incident_cache,
            follower=self.follower,
            clock=clock,
            metrics=metrics,
        )
        self.clock_agreement = ClockAgreement(setting, due, incidents, clock, lambda: self.intake)
        self._loaded = False
        self._timing = False
        self._claims = False
        """Whether the last beat found that work may be claimed."""
        self._claiming: set[str] = set()
        """Lanes that are being refilled."""
        self.asking: dict[str, Callable[[str, datetime], Awaitable[None]]] = {}
        """Timers of an incident that ask somebody before they decide, by name: given its uid and now."""
        self.clockwork: dict[str, Callable[[datetime], Awaitable[datetime | None]]] = {}
        """Timers of the service itself (member `sys NAME`): each returns when it is due again, None for never."""
        self.read_board: Callable[[], Awaitable[int]] | None = None
        """Takes over what stands on the board, and returns its revision."""
        self.board = 0
        """The revision of the board that is known here."""
        self.tend: Callable[[datetime], Awaitable[None]]
        """Looks after the lanes that nobody serves."""
        self._tended: float | None = None

    def attach(self, intake: Intake) -> None:
        """Make the intake known to the loop."""
        self.intake = intake
        intake.unheard = self._unheard

    def renew(self) -> None:
        """Look at everything anew with the next beat: a new configuration may ask for timers that there are not."""
        self._loaded, self._tended = False, None

    async def run(self) -> None:
        """Beat until `stop`."""
        while not self._stopping.is_set():
            await self.guarded_beat()
            self.beat_at = self.clock.monotonic()
            try:
                await asyncio.wait_for(self._stopping.wait(), BEAT)
            except TimeoutError:
                continue

    async def guarded_beat(self) -> None:
        """Beat once; what fails is counted, and a store that is away is said to be."""
        await self._guard("beat", self.beat)

    async def stop(self, grace: float) -> None:
        """Claim nothing more; let what is being sent end within `grace` seconds. The rest is taken over elsewhere."""
        self._stopping.set()
        self.pool.stopping = True
        end = self.clock.monotonic() + grace
        while self._tasks and (left := end - self.clock.monotonic()) > 0:
            # What is under way may start something more, such as the record of how it went.
            if not (await asyncio.wait(self._tasks, timeout=left))[0]:
                break
        for task in self._tasks:
            task.cancel()

    async def idle(self) -> None:
        """Return when nothing is under way beside the loop."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _guard(self, step: str, act: Callable[[], Awaitable[None]]) -> None:
        # Where the store answers, only what this step asked for was refused or took too long: the others go on.
        try:
            await run_step(step, act, self.metrics, self.due.probe)
        except StoreAway as condition:
            log.info("step_postponed", step=step, condition=condition.condition, reason=str(condition))
            self.monitor.failed(condition)

    def spawn(self, step: str, act: Callable[[], Awaitable[None]], kind: Lane = Lane.WORKER) -> None:
        """Run a step beside the loop, guarded and counted, on the store's connections of `kind`."""
        with using(kind):
            task = asyncio.create_task(self._guard(step, act))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run_beside(self) -> None:
        """Look for ever at what does not wait for the store: one beat of a store that is slow takes seconds."""
        while not self._stopping.is_set():
            await self._guard("beat", self.look)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Start what is to be sent without the store, and ask about commits whose answer did not come."""
        self.unstored.run_once()
        self.steps.run_once()
        self._ask_soon()
        if self.monitor.gone:
            # What waits for its turn waits for the person, not for the store.
            for row, latest in self.pool.take_waiting():
                self.unstored.add(row, latest, StoreAway("the store went away before it was sent"))

    async def beat(self) -> None:
        """Look once: follow the store's clock, learn what changed, start what is due."""
        await self.look()
        if self.monitor.gone:
            return
        self.pool.refill_all()
        self._fetch_soon()
        self._refresh_soon()
        if not self._loaded:
            await self.clock_agreement.first()
            await self.load()
        began = self.clock.monotonic()
        expected = self.recovery.expected
        beat = await self.due.beat(self.incident_cache.after, to_ms(self.clock.now()), self.recovery.memory.me)
        await self.clock_agreement.look(beat.time_ms, beat.clock, self.clock.monotonic() - began)
        self._show(beat)
        if await self.recovery.look(beat, expected, self.clock_agreement.silent_ms):
            self._loaded = False
            return
        await self._follow(beat)
        if self.recovery.waits:
            self.spawn("memory", partial(self.recovery.keep, beat.until_ms))
        if self.clock_agreement.waits:
            self.spawn("clock", self.clock_agreement.keep)
        self._claims = not self.recovery.holds(beat.until_ms)
        if self._claims:
            self._tend()
            await self._claim_due(beat)

    def _tend(self) -> None:
        if self._tended is None or self.clock.monotonic() - self._tended >= TEND:
            self._tended = self.clock.monotonic()
            self.spawn("tend", partial(self.tend, self.clock.now()))

    async def _claim_due(self, beat: StoreBeat) -> None:
        for lane in beat.due:
            if lane == TIMERS:
                if not self._timing and not self.steps.recording:
                    self._timing = True
                    self.spawn("timers", self._timers)
            elif lane not in self._claiming and self._may_claim(lane):
                await self._claim(lane)

    def _may_claim(self, lane: str) -> bool:
        return self.pool.free(lane) > 0 and not (self.unstored.settling and self._pages(lane))

    async def load(self) -> None:
        """Read the open incidents, as far as that is quickly done, and set the timers of the service itself."""
        if await self.follower.forgotten():
            await self.intake.hear_again()
        await self.follower.load()
        watchdog = await self.intake.watchdogs.last_ms()
        if watchdog is not None:
            self.metrics.watchdog.set(watchdog / 1000)
        try:
            for name in self.clockwork:
                await self.due.seed(f"sys {name}", to_ms(self.clock.now()))
        except StoreFull:
            # It has those that there were; new ones come when it has room, and nothing else waits for them.
            log.warning("timers_not_set", reason="the memory of the store is full")
        self._loaded = True
        self.metrics.store_up.set(int(not self.monitor.away))

    async def _follow(self, beat: StoreBeat) -> None:
        if beat.board != self.board and self.read_board is not None:
            await self._take_board(self.read_board, beat.board)
        await self.follower.follow(beat.changed)
        if not (self.incident_cache.complete or self.follower.filling):
            self.spawn("load", self.follower.fill)

    async def _take_board(self, read: Callable[[], Awaitable[int]], revision: int) -> None:
        async def take() -> None:
            self.board = await read()

        # One that cannot be taken over is left as it is until it changes: what is due does not wait for it.
        if not await run_step("beat", take, self.metrics):
            self.board = revision

    def _show(self, beat: StoreBeat) -> None:
        self.metrics.depth.set(beat.depth)
        self.metrics.oldest.set((beat.oldest_ms or 0) / 1000)
        self.metrics.dead.set(beat.dead)
        self.metrics.overdue.set(beat.overdue)

    async def _claim(self, lane: str) -> None:
        setting = self.setting()
        until = self.clock.monotonic() + setting.lease.total_seconds()
        # A page may have to be sent without the store: it comes with what it is about.
        with_it = self._pages(lane)
        free = self.pool.free(lane)
        rows = await self.due.claim(lane, to_ms(self.clock.now()), free, snapshots=with_it)
        self.pool.full[lane] = len(rows) == free
        for row in rows:
            self.pool.add(lane, row, until)

    def _claim_more(self, lane: str) -> None:
        # As sends end, and not only with each beat: 32 of a lane in a quarter of a second are 128 a second.
        if self._claims and lane not in self._claiming and not self.monitor.gone and not self._stopping.is_set():
            self._claiming.add(lane)
            self.spawn("claim", partial(self._claim_again, lane), Lane.BEAT)

    async def _claim_again(self, lane: str) -> None:
        try:
            if self._may_claim(lane):
                await self._claim(lane)
        finally:
            self._claiming.discard(lane)

    def _pages(self, lane: str) -> bool:
        channel = self.setting().channels.get(lane.removesuffix("!"))
        return channel is not None and channel.paging

    def committed(self, done: Committed, began: float, fresh: Mapping[str, LeasedRow]) -> None:
        """Deliver at once what a commit has leased to this replica.

        `began`: when it was sent, in monotonic seconds; `fresh`: rows that it has made, by member, which need not be
        read to be sent.
        """
        if self._stopping.is_set():
            return  # another replica claims it when the lease has ended
        until = began + self.setting().lease.total_seconds()
        for member in done.leased:
            if row := fresh.get(member):
                self.pool.add(row.lane, row, until)
            else:
                self._leased.append((member, done.token, until))
        self._fetch_soon()

    def _refresh_soon(self) -> None:
        if self.clock.monotonic() - self._refreshed >= REFRESH:
            self._refreshed = self.clock.monotonic()
            if self.snapshots.behind():
                self.spawn("snapshots", self.snapshots.refresh)

    def _resume(self, row: LeasedRow, latest: float) -> None:
        self.pool.add(row.lane or row.to.channel, row, latest + self.setting().deadline.total_seconds())

    def _unheard(self, commit: UnheardCommit) -> None:
        self.unheard.add(commit)
        self._ask_soon()

    def _ask_soon(self) -> None:
        if len(self.unheard) and not self._asking and not self._stopping.is_set():
            # Also while the store is away: one that is merely slow has the pages, and nobody else sends them.
            self._asking = True
            self.spawn("fetch", self._ask_unheard, Lane.BEAT)

    async def _ask_unheard(self) -> None:
        try:
            await self.unheard.ask()
        finally:
            self._asking = False

    def _fetch_soon(self) -> None:
        if self._leased and not self._fetching:
            self._fetching = True
            self.spawn("fetch", self._fetch, Lane.BEAT)

    async def _fetch(self) -> None:
        try:
            while self._leased:
                batch = self._leased[:FETCH]
                try:
                    rows = await self.due.rows([(member, token) for member, token, _ in batch])
                except StoreAway as condition:
                    if not condition.ours:
                        # What a dead store holds is claimed again when it is back and the lease has ended.
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

    def _spawn_send(self, send: Callable[[], Awaitable[None]]) -> None:
        self.spawn("deliver", send, Lane.DELIVERIES)

    async def _send(self, row: LeasedRow, latest: float) -> None:
        self.unstored.claimed(row)
        if self.unstored.has(row, latest):
            return
        if self.monitor.gone and self._called_for(row):
            # A store that is merely too slow still takes commits: two more round trips would make the page late.
            self.unstored.add(row, latest, StoreAway("the store is away"))
            return
        try:
            await self.deliver.one(row, latest)
        except IncidentUnreadable as error:
            self.metrics.loop_errors.labels("deliver").inc()
            await self.deliver.spoiled(row, error)
        except StoreAway as condition:
            self.unstored.add(row, latest, condition)
            raise
        except Exception as error:
            self.metrics.loop_errors.labels("deliver").inc()
            log.exception("delivery_spoiled", id=row.member)
            await self.deliver.spoiled(row, error)

    def _called_for(self, row: LeasedRow) -> bool:
        # Whether it is a page that was not sent yet, of an incident that this replica remembers.
        return row.to.paging and "sent" not in row.memory and self.snapshots.get(row.uid) is not None

    async def _timers(self) -> None:
        # As long as something is due, and those of different incidents side by side: their reads and commits share
        # round trips. One after the other, 50 in a beat, a replica did 60 to 180 a second.
        done: set[str] = set()
        try:
            while not self._stopping.is_set():
                members = await self.due.claim_timers(to_ms(self.clock.now()), TIMERS_CLAIMED)
                groups: dict[str, list[str]] = {}
                for member in members:
                    groups.setdefault(member if member.startswith(APART) else uid_of(member), []).append(member)
                waiting = deque(groups.values())
                runs = [self._turns(waiting) for _ in range(min(TIMERS_AT_ONCE, len(groups)))]
                for ended in await asyncio.gather(*runs, return_exceptions=True):
                    if isinstance(ended, BaseException):
                        raise ended
                # What is due again at once waits for the next beat, as this loop would not end.
                if len(members) < TIMERS_CLAIMED or not done.isdisjoint(members):
                    return
                done.update(members)
        finally:
            self._timing = False

    async def _turns(self, waiting: deque[list[str]]) -> None:
        while waiting:
            # Of one incident one after the other: each is decided on what the one before has written.
            for member in waiting.popleft():
                # One that cannot be done comes back with its lease, and keeps nobody else from being called.
                try:
                    await run_step("timers", partial(self._turn, member), self.metrics, self.due.probe)
                except StoreFull as condition:
                    self.monitor.failed(condition)
                except StoreAway:
                    waiting.clear()  # the others would only wait for it as well
                    raise

    async def _turn(self, member: str) -> None:
        first, second = member.split(" ", 1)
        if first == "held":
            await self.intake.release(second, self.clock.now())
        elif first == "sys":
            await self._system(member, second)
        elif second in self.asking:
            self.spawn(second, partial(self.asking[second], first, self.clock.now()))
        else:
            await self._timer(member, first, second)

    async def _system(self, member: str, name: str) -> None:
        if name not in self.clockwork:
            return  # a later version beside this one knows it: it comes back with its lease

        async def act() -> None:
            again = await self.clockwork[name](self.clock.now())
            if again is None:
                await self.due.drop_timer(member)
            else:
                await self.due.later(member, to_ms(again))

        self.spawn(name, act)

    async def _timer(self, member: str, uid: str, name: str) -> None:
        setting = self.setting()
        incident = await self.incidents.incident(uid)
        known = timers(incident, setting.policy) if incident is not None else {}
        if incident is not None and name not in known:
            return  # a later version beside this one knows it: it comes back with its lease
        if incident is None or known[name] is None:
            await self.due.drop_timer(member)
            return
        draft = on_timer(name, incident, setting.policy, self.clock.now())
        if draft is not None:
            await self._commit(draft, setting)

    async def _commit(self, draft: Transition, setting: ActiveConfig) -> None:
        verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
        try:
            done = await self.intake.commit(verdict, setting, self.clock.now())
        except StaleVersion:
            return  # somebody changed it; the row is still due and is looked at again
        if done.incident is not None:
            count_events(self.metrics, done.incident, draft.events)
            log.info(
                "incident", incident=done.incident.id, outcome=draft.events[-1].kind, reason=draft.events[-1].reason
            )
