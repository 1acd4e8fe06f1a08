"""The loop: looks at the store, takes what is due, hands it on. Only here is everything caught, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from receiver.clock import Clock
from receiver.incident.journal import Draft
from receiver.incident.timing import on_timer, timers
from receiver.incident.verdict import Outcome, Verdict
from receiver.metrics import Metrics
from receiver.model.base import from_ms, to_ms
from receiver.pipeline.beside import Beside
from receiver.pipeline.counting import count_events
from receiver.pipeline.deliver import Deliver
from receiver.pipeline.incident_cache import IncidentCache
from receiver.pipeline.incident_follower import IncidentFollower
from receiver.pipeline.intake import Intake
from receiver.pipeline.outage import Outage
from receiver.pipeline.setting import Setting
from receiver.pipeline.unending import survived
from receiver.store.change import Committed, Stale
from receiver.store.connection import StoreAway
from receiver.store.due import Beat, Claimed, Due
from receiver.store.incidents import Incidents
from receiver.store.keys import TIMERS
from receiver.store.pace import Pace

TEND = 15.0
"""Seconds between two times that a replica says which lanes it serves, and looks for those that nobody does."""
BEAT = 0.25
"""Seconds between two looks at the store: what another replica left undone is late by this and its lease, at most."""
PER_LANE = 32
"""Sends under way at once in one lane; a claim never takes more than it can send within its lease."""

log = structlog.get_logger("receiver.work")


class Work:
    """Everything that happens later: deliveries, timers, holds, and the watch over the store."""

    def __init__(
        self,
        setting: Callable[[], Setting],
        incidents: Incidents,
        due: Due,
        mirror: IncidentCache,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`attach` completes it: intake and outage need to know of the deliveries, and the loop of both."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.mirror = mirror
        self.follower = IncidentFollower(setting, incidents, mirror)
        self.clock = clock
        self.metrics = metrics
        self.beside = Beside(setting, incidents, due, clock, metrics, lambda: self.intake)
        self.deliver = Deliver(setting, incidents, due, clock, metrics, self.beside, Pace(due.connection))
        self.beat_at: float = clock.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self.intake: Intake
        self.outage: Outage
        self._loaded = False
        self._timing = False
        self.asking: dict[str, Callable[[str, datetime], Awaitable[None]]] = {}
        """Timers of an incident that ask somebody before they decide, by name: given its uid and now."""
        self.clockwork: dict[str, Callable[[datetime], Awaitable[datetime | None]]] = {}
        """Timers of the service itself (member `sys NAME`): each returns when it is due again, None for never."""
        self.read_board: Callable[[], Awaitable[int]] | None = None
        """Takes over what stands on the board, and returns its revision."""
        self._board = 0
        self.tend: Callable[[datetime], Awaitable[None]]
        """Looks after the lanes that nobody serves."""
        self._tended: float | None = None

    def attach(self, intake: Intake, outage: Outage) -> None:
        """Make the intake and the outage known to the loop."""
        self.intake, self.outage = intake, outage
        outage.spawn = self.spawn

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
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()

    async def idle(self) -> None:
        """Return when nothing is under way beside the loop."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _guard(self, step: str, act: Callable[[], Awaitable[None]]) -> None:
        # Where the store answers, only what this step asked for was refused or took too long: the others go on.
        try:
            await survived(step, act, self.metrics, self.due.probe)
        except StoreAway as away:
            self.outage.lost(str(away))

    def spawn(self, step: str, act: Callable[[], Awaitable[None]]) -> None:
        """Run a step beside the loop, guarded and counted."""
        task = asyncio.create_task(self._guard(step, act))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def beat(self) -> None:
        """Look once: follow the store's clock, learn what changed, start what is due."""
        now = self.clock.now()
        if self.outage.away:
            await self.outage_step()
            if self.outage.away:
                return
        if not self._loaded:
            await self.load()
        beat = await self.due.beat(self.mirror.after, to_ms(now))
        self.clock.sync(from_ms(beat.time_ms))
        self._show(beat)
        if beat.commits < self.mirror.after:
            # An empty or older store: what this replica remembers stands until all of it is read anew.
            self.metrics.loop_errors.labels("beat").inc()
            log.error("store_lost_memory", commits=beat.commits, known=self.mirror.after)
            self._loaded = False
            return
        await self._follow(beat)
        if self._tended is None or self.clock.monotonic() - self._tended >= TEND:
            self._tended = self.clock.monotonic()
            self.spawn("tend", partial(self.tend, now))
        for lane in beat.due:
            if lane == TIMERS:
                if not self._timing:
                    self._timing = True
                    self.spawn("timers", self._timers)
            elif self._busy.get(lane, 0) < PER_LANE:
                await self._claim(lane)

    async def outage_step(self) -> None:
        """While the store is away: page what cannot wait; and once it takes a write again, make everything good."""
        try:
            await self.due.probe()
            await self.due.connection.inspect()
            self.metrics.durable(self.due.connection.level, met=self.due.connection.met)
            await self.outage.back(self.clock.now())
        except StoreAway:
            self.outage.step(self.clock.now())

    async def load(self) -> None:
        """Read the open incidents, as far as that is quickly done, and set the timers of the service itself."""
        if await self.follower.forgotten():
            await self.intake.hear_again()
        await self.follower.load()
        watchdog = await self.intake.watchdogs.last_ms()
        if watchdog is not None:
            self.metrics.watchdog.set(watchdog / 1000)
        for name in self.clockwork:
            await self.due.seed(f"sys {name}", to_ms(self.clock.now()))
        self._loaded = True
        self.metrics.store_up.set(1)

    async def _follow(self, beat: Beat) -> None:
        if beat.board != self._board and self.read_board is not None:
            await self._take_board(self.read_board, beat.board)
        await self.follower.follow(beat.changed)
        if not (self.mirror.complete or self.follower.filling):
            self.spawn("load", self.follower.fill)

    async def _take_board(self, read: Callable[[], Awaitable[int]], revision: int) -> None:
        async def take() -> None:
            self._board = await read()

        # One that cannot be taken over is left as it is until it changes: what is due does not wait for it.
        if not await survived("beat", take, self.metrics):
            self._board = revision

    def _show(self, beat: Beat) -> None:
        self.metrics.depth.set(beat.depth)
        self.metrics.oldest.set((beat.oldest_ms or 0) / 1000)
        self.metrics.dead.set(beat.dead)
        self.metrics.overdue.set(beat.overdue)

    async def _claim(self, lane: str) -> None:
        free = PER_LANE - self._busy.get(lane, 0)
        for row in await self.due.claim(lane, to_ms(self.clock.now()), free):
            self._start(lane, row)

    def committed(self, done: Committed) -> None:
        """Deliver at once what a commit has leased to this replica."""
        if self._stopping.is_set():
            return  # another replica takes it when the lease has passed

        async def fetch() -> None:
            for row in await self.due.rows(done.leased, done.token):
                self._start(row.to.channel, row)

        self.spawn("fetch", fetch)

    def _start(self, lane: str, row: Claimed) -> None:
        self._busy[lane] = self._busy.get(lane, 0) + 1

        async def send() -> None:
            try:
                await self._send(row)
            finally:
                self._busy[lane] -= 1

        self.spawn("deliver", send)

    async def _send(self, row: Claimed) -> None:
        try:
            await self.deliver.one(row)
        except StoreAway:
            raise
        except Exception as error:
            self.metrics.loop_errors.labels("deliver").inc()
            log.exception("delivery_spoiled", id=row.member)
            await self.deliver.spoiled(row, error)

    async def _timers(self) -> None:
        try:
            for member in await self.due.claim_timers(to_ms(self.clock.now())):
                # One that cannot be done comes back with its lease, and keeps nobody else from being called.
                await survived("timers", partial(self._turn, member), self.metrics, self.due.probe)
        finally:
            self._timing = False

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

    async def _commit(self, draft: Draft, setting: Setting) -> None:
        verdict = Verdict(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
        try:
            done = await self.intake.commit(verdict, setting, self.clock.now())
        except Stale:
            return  # somebody changed it; the row is still due and is looked at again
        if done.incident is not None:
            count_events(self.metrics, done.incident, draft.events)
            log.info(
                "incident", incident=done.incident.id, outcome=draft.events[-1].kind, reason=draft.events[-1].reason
            )
