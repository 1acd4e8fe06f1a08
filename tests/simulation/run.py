"""Runs a schedule: two whole replicas with their HTTP servers, a real store, fake vendors, two Alertmanagers."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import aiohttp
import structlog

from receiver.app import Service
from receiver.clock import Clock
from receiver.config import Config
from receiver.loop_time import LoopTime
from receiver.model.base import rfc3339
from receiver.pipeline.worker import work_loop
from receiver.replica import Replica
from receiver.store.client import connection
from receiver.web import routes
from receiver.web.html_pages import HtmlPages
from tests.conftest import ask
from tests.fakes import FakePagerDuty, FakeSlack, Site
from tests.simulation.alertmanagers import Told, pair
from tests.simulation.checker import Attempt, Ledgers
from tests.simulation.fault_schedule import LAST_FAULT, REPLICAS, Fault, Schedule
from tests.simulation.ledgers import calls_of, excused, group_of, merged
from tests.simulation.store_faults import StorePath, Way
from tests.simulation.vendor_failures import VendorFailures
from tests.simulation.virtual_loop import PART, VirtualLoop
from tests.stories.world import START, Outside, alert, notification, reference

MONITOR_FOR = 8.0
"""Seconds without alerts before an incident is resolved; 15 minutes in the reference configuration."""
SETTLE = 150.0
"""Seconds after the last alert within which all incidents must be over: late copies are held for 60 s."""
BEAT = 0.5
"""Seconds between two beats of a replica; with the default, which is shorter, beats took half of the run."""
LOOK = 2.0
"""Seconds between two checks of this."""
ORDER = (Way.REFUSED, Way.LOST, Way.DEAF, Way.PAUSED, Way.SLOW)
"""If several faults affect one path to the store, the first in this order applies."""


# Loaded once for all schedules.
_reference = cache(lambda: reference("http://127.0.0.1:1"))
_pages = cache(HtmlPages)


class VirtualClock(Clock):
    """Shows the loop's time, regardless of the store's clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        super().__init__()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.time())

    def monotonic(self) -> float:
        return self.loop.time()

    def sync(self, store_time: datetime, took: float = 0.0) -> timedelta:
        return timedelta()


class Run:
    """One running schedule."""

    def __init__(self, schedule: Schedule, store: str, loop: VirtualLoop, folder: Path) -> None:
        self.schedule = schedule
        self.loop = loop
        self.chance = random.Random(f"run {schedule.seed}")
        door = unquote(store.removeprefix("unix://").partition("?")[0])
        self.ways = {name: StorePath(loop, folder, name, door, self.chance) for name in REPLICAS}
        self.pagerduty, self.slack = FakePagerDuty(), FakeSlack()
        self.site = Site(self.pagerduty, self.slack)
        self.failures = {"pager": VendorFailures(self.deadline), "chat": VendorFailures(self.deadline)}
        self.services: dict[str, Service] = {}
        self.attempts: list[Attempt] = []
        self.session: aiohttp.ClientSession
        self.told_end = 0.0

    @property
    def deadline(self) -> float:
        """Deadline of one send, in seconds."""
        return self.schedule.lease * 2 / 3

    async def play(self) -> Ledgers:
        """Let everything happen, and return what it leaves behind."""
        for vendor, failure in ((self.pagerduty, "pager"), (self.slack, "chat")):
            vendor.clock, vendor.script = self.loop.time, self.failures[failure]
        await self.site.start()
        for name in REPLICAS:
            await self._start(name)
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        try:
            await self._happen()
            return await self._ledgers()
        finally:
            self._heal()
            await self.session.close()
            for service in self.services.values():
                await service.stop()
            for way in self.ways.values():
                await way.close()
            await self.site.stop()

    async def _start(self, name: str) -> None:
        await self.ways[name].open()

        async def start() -> Service:
            PART.set(name)
            replica = Replica(self._config(), url=self.ways[name].url, clock=VirtualClock(self.loop))
            # Without its thread, which runs in real time.
            replica.hang_detector.start = partial(replica.hang_detector._turn, self.loop)  # type: ignore[method-assign]
            outside = Outside()
            for one in (replica.verify, replica.measure, replica.reconcile, replica.changes, replica.alert_rule,
                        replica.budgets, replica.heartbeat, replica.silences):  # fmt: skip
                one.source_client = outside
            service = Service(replica)
            await service.start()
            return service

        self.services[name] = await self.loop.create_task(start(), context=contextvars.copy_context())

    def _config(self) -> Config:
        made = _reference()
        url = {"pager": self.site.url, "chat": f"{self.site.url}/api"}
        channels = {name: made.channels[name].model_copy(update={"api_url": where}) for name, where in url.items()}
        incidents = {"monitor_for": timedelta(seconds=MONITOR_FOR)}
        redis = {"lease": timedelta(seconds=self.schedule.lease), "send_deadline": timedelta(seconds=self.deadline)}
        storm = made.ingest.storm
        assert storm is not None
        many = storm.model_copy(update={"incidents": 1_000_000})
        return made.model_copy(
            update={
                "channels": {**made.channels, **channels},
                "incidents": made.incidents.model_copy(update=incidents),
                "redis": made.redis.model_copy(update=redis),
                # Storms have separate stories.
                "ingest": made.ingest.model_copy(update={"storm": many}),
                "server": made.server.model_copy(update={"listen": "127.0.0.1:0"}),
                "verification": made.verification.model_copy(update={"checks": []}),
            }
        )

    async def _happen(self) -> None:
        for fault in self.schedule.faults:
            for moment in (fault.starts, fault.ends):
                self.loop.call_at(moment, self._set, fault.target)
        managers = pair(self.chance, self._post, self.loop.time)
        watching = [one.watch(group) for one in managers for group in self.schedule.groups]
        await asyncio.gather(*watching)
        await asyncio.sleep(max(0.0, LAST_FAULT + 1 - self.loop.time()))
        for _ in range(round(SETTLE / LOOK)):
            if await self._quiet():
                break
            await asyncio.sleep(LOOK)

    def _set(self, target: str) -> None:
        # At the end of one fault, another may begin or still be active.
        now = self.loop.time() + 1e-6
        on = [fault for fault in self.schedule.faults if fault.starts <= now < fault.ends]
        for name in REPLICAS:
            ways = {Way(fault.kind): fault for fault in on if fault.target in ("store", f"store of {name}")}
            way = next((way for way in ORDER if way in ways), Way.OPEN)
            if target in ("store", f"store of {name}"):
                most = ways[way].much if way is Way.SLOW else 0.0
                self.ways[name].set(way, (most / 2, most))
            if target == name:
                self._run_or_not(name, [fault for fault in on if fault.target == name])
        if target in self.failures:
            self.failures[target].failure = next((fault.kind for fault in on if fault.target == target), "")

    def _run_or_not(self, name: str, faults: list[Fault]) -> None:
        if any(fault.kind == "stopped" for fault in faults):
            self.loop.stop_part(name)
        else:
            self.loop.go_on(name)
        self.loop.throttle(name, max((fault.much for fault in faults), default=0.0))

    def _heal(self) -> None:
        for name in REPLICAS:
            self.ways[name].set(Way.OPEN)
            self._run_or_not(name, [])
        for failure in self.failures.values():
            failure.failure = ""

    async def _post(self, told: Told, by: int) -> int | None:
        name = self.chance.choice(REPLICAS)
        url = f"http://127.0.0.1:{self.services[name].ports[0]}/webhooks/alertmanager"
        headers = {"Authorization": "Bearer am-token", "Content-Type": "application/json"}
        at, status = self.loop.time(), None
        try:
            async with self.session.post(url, data=self._body(told, by), headers=headers) as answer:
                status = answer.status
                assert status != 400, await answer.text()
        except (aiohttp.ClientError, OSError):
            status = None
        finally:
            alerts = tuple((number, fires, starts) for number, fires, starts, _ in told.alerts)
            made = Attempt(told.group, bool(told.firing), told.at, at, self.loop.time(), status, alerts)
            self.attempts.append(made)
        return status

    def _body(self, told: Told, by: int) -> bytes:
        severe = next(group.severe for group in self.schedule.groups if group.name == told.group)
        name = f"DatabaseCorruption{told.group}" if severe else f"Auth{told.group}"
        alerts = [
            alert(
                name,
                firing=fires,
                labels={"instance": str(number)},
                starts=_moment(starts),
                ends=_moment(ends) if ends is not None else "",
            )
            for number, fires, starts, ends in told.alerts
        ]
        return notification(
            *(alerts[::-1] if by else alerts), group=told.group, externalURL=f"http://alertmanager-{by}:9093"
        )

    async def _quiet(self) -> bool:
        replica = self.services["a"].replica
        async with replica.due.connection.guarded() as client:
            held = await client.hlen(replica.due.keys.named("held"))
            owed = sum([await client.zcard(replica.due.keys.due(lane)) for lane in ("pager", "pager!")])
        return not held and not owed and not await self._open_incidents() and not self.pagerduty.open()

    async def _open_incidents(self) -> list[str]:
        found = await self.services["a"].replica.incidents.listing(most=1000)
        return [group_of(str(one.labels.get("alertname"))) for one in found if not one.state.over]

    async def _ledgers(self) -> Ledgers:
        assert self.site.mistakes() == []
        return Ledgers(
            truth={group.name: merged(group) for group in self.schedule.groups},
            pages={group.name: ("alice", "eng-lead")[: 1 + group.severe] for group in self.schedule.groups},
            attempts=self.attempts,
            calls=calls_of(self.pagerduty.taken),
            open_incidents=await self._open_incidents(),
            excused=excused(self.schedule),
            end=self.loop.time(),
            faults=bool(self.schedule.faults),
        )


def play(schedule: Schedule, store: str) -> Ledgers:
    """Run `schedule` on an emptied store, and return what it leaves behind."""
    assert ask(store, "FLUSHALL", "SYNC") == b"+OK\r\n"
    folder = Path(tempfile.mkdtemp(prefix="sch-"))
    random.seed(schedule.seed)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, VirtualLoop)
            with _virtual(loop):
                return runner.run(Run(schedule, store, loop, folder).play())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _virtual(loop: VirtualLoop) -> Iterator[None]:
    # Deadlines of the store count loop time by a clock of their own. Logs cost time: SCHEDULE_LOG=1 shows them.
    before = structlog.get_config()

    def stamp(_: Any, __: str, event: Any) -> Any:
        return {**event, "timestamp": f"{loop.time():8.3f} {PART.get():1}"}

    level = 20 if os.environ.get("SCHEDULE_LOG") else 50
    processors = [one for one in before["processors"] if not isinstance(one, structlog.processors.TimeStamper)]
    structlog.configure(
        processors=[*processors[:-1], stamp, processors[-1]],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    try:
        with (
            patch.object(connection, "LoopTime", lambda: LoopTime(loop.time)),
            patch.object(routes, "HtmlPages", _pages),
            patch.object(work_loop, "POLL", BEAT),
        ):
            yield
    finally:
        structlog.configure(**before)


def _moment(seconds: float) -> str:
    return rfc3339(START + timedelta(seconds=seconds))
