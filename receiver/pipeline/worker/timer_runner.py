"""Runs due timers: those of incidents, of held notifications, and of the service itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from receiver.clock import Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import on_timer, timers
from receiver.log import DirectLog
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.supervision import run_step
from receiver.pipeline.worker.step_tasks import StepTasks
from receiver.store.client.connection import StoreAway
from receiver.store.client.store_errors import StoreFull
from receiver.store.due.due_set import DueSet
from receiver.store.due.leased_row import uid_of
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

CLAIMED = 200
"""Timers that are claimed at once."""
AT_ONCE = 16
"""Incidents whose timers run at the same time."""
WITHOUT_INCIDENT = ("held ", "sys ")
"""Prefixes of timers that belong to no incident."""

IncidentTimer = Callable[[str, datetime], Awaitable[None]]
ServiceTimer = Callable[[datetime], Awaitable[datetime | None]]

log = structlog.get_logger("receiver.work")
line = DirectLog("receiver.work")


class TimerRunner:
    """Claims due timers and runs them. A timer that fails comes back when its lease has ended."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        due: DueSet,
        monitor: StoreMonitor,
        tasks: StepTasks,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`intake` is set before the first timer runs."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.monitor = monitor
        self.tasks = tasks
        self.clock = clock
        self.metrics = metrics
        self.intake: Intake
        self.incident_timers: dict[str, IncidentTimer] = {}
        """Timers of an incident that query other systems before they decide, by name: given its uid and now."""
        self.service_timers: dict[str, ServiceTimer] = {}
        """Timers of the service itself (member `sys NAME`): each returns when it is due again, None for never."""
        self._running = False

    def start(self) -> None:
        """Run the due timers in the background, unless they are already running."""
        if not self._running:
            self._running = True
            self.tasks.spawn("timers", self._run)

    async def seed(self, now: datetime) -> None:
        """Add the timers of the service itself to the store, where they are missing."""
        try:
            for name in self.service_timers:
                await self.due.seed(f"sys {name}", to_ms(now))
        except StoreFull:
            # Existing timers continue; new ones are added when there is room, and nothing else waits for them.
            log.warning("timers_write_failed", reason="the memory of the store is full")

    async def _run(self) -> None:
        # As long as something is due. Timers of different incidents run side by side, so that their reads and commits
        # share round trips. One after the other, 50 per poll, a replica did 60 to 180 a second.
        done: set[str] = set()
        try:
            while not self.tasks.stopping.is_set():
                members = await self.due.claim_timers(to_ms(self.clock.now()), CLAIMED)
                groups: dict[str, list[str]] = {}
                for member in members:
                    groups.setdefault(member if member.startswith(WITHOUT_INCIDENT) else uid_of(member), []).append(
                        member
                    )
                waiting = deque(groups.values())
                runs = [self._run_groups(waiting) for _ in range(min(AT_ONCE, len(groups)))]
                for ended in await asyncio.gather(*runs, return_exceptions=True):
                    if isinstance(ended, BaseException):
                        raise ended
                # A timer that is due again at once waits for the next poll; otherwise this loop would not end.
                if len(members) < CLAIMED or not done.isdisjoint(members):
                    return
                done.update(members)
        finally:
            self._running = False

    async def _run_groups(self, waiting: deque[list[str]]) -> None:
        while waiting:
            # Timers of one incident run one after another: each decides on the state that the previous one wrote.
            for member in waiting.popleft():
                # A timer that fails comes back with its lease, and delays no timer of another incident.
                try:
                    await run_step("timers", partial(self._run_one, member), self.metrics, self.due.probe)
                except StoreFull as condition:
                    self.monitor.failed(condition)
                except StoreAway:
                    waiting.clear()  # the others would only wait for the store as well
                    raise

    async def _run_one(self, member: str) -> None:
        first, second = member.split(" ", 1)
        if first == "held":
            await self.intake.decisions.release(second, self.setting(), self.clock.now())
        elif first == "sys":
            self._start_service_timer(member, second)
        elif second in self.incident_timers:
            self.tasks.spawn(second, partial(self.incident_timers[second], first, self.clock.now()))
        else:
            await self._decide(member, first, second)

    def _start_service_timer(self, member: str, name: str) -> None:
        if name not in self.service_timers:
            return  # a later release knows it: it comes back with its lease

        async def act() -> None:
            again = await self.service_timers[name](self.clock.now())
            if again is None:
                await self.due.drop_timer(member)
            else:
                await self.due.later(member, to_ms(again))

        self.tasks.spawn(name, act)

    async def _decide(self, member: str, uid: str, name: str) -> None:
        setting = self.setting()
        incident = await self.incidents.incident(uid)
        known = timers(incident, setting.policy.of(incident)) if incident is not None else {}
        if incident is not None and name not in known:
            return  # a later release knows it: it comes back with its lease
        if incident is None or known[name] is None:
            await self.due.drop_timer(member)
            return
        draft = on_timer(name, incident, setting.policy.of(incident), self.clock.now())
        if draft is not None:
            await self._commit(draft, setting)

    async def _commit(self, draft: Transition, setting: ActiveConfig) -> None:
        verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
        try:
            done = await self.intake.writer.commit(verdict, setting, self.clock.now())
        except StaleVersion:
            return  # the incident has changed; the timer is still due and is decided again
        if done.incident is not None:
            count_events(self.metrics, done.incident, draft.events)
            line.info(
                "incident_changed",
                incident=done.incident.id,
                outcome=draft.events[-1].kind,
                reason=draft.events[-1].reason,
            )
