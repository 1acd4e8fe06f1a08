"""One run under load: replicas with a share of a core, a sender at a steady rate, and the result."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.stage import Change, Stage, vendors_and_store
from tests.faults.waiting import until
from tests.load.ledger import Pages, percentile
from tests.load.replica_recorder import ReplicaWatch, ended_tasks
from tests.load.sender import Group, Sender
from tests.load.slow_store import SlowStore
from tests.load.throttle import PERIOD, Throttle

CATCH_UP = 15.0
"""Seconds within which every allowed page is sent after the replica has its CPU again (issue 16)."""
API_LIMIT = 20.0
"""Seconds in which the API has to list every incident."""
API_PAGE, API_WAIT, API_WAIT_MOST = 100, 0.5, 4.0
"""Incidents per page, and seconds between attempts to read it."""
FRESH = 5.0
"""Seconds; if the last beat of a work loop is older, it has ended or hangs."""
OVERLOADED = "overloaded"
"""The only reason, or outcome, with which a replica may refuse a notification while its store works."""
NOT_TAKEN = ("unavailable", "error", OVERLOADED)
"""Outcomes of webhooks with a 5xx response."""


@dataclass
class Report:
    """The result of a run; each entry of `breaches` is a broken guarantee."""

    breaches: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return the figures in one line, and each breach on a separate line."""
        return "\n".join([" ".join(f"{name}={value}" for name, value in self.figures.items()), *self.breaches])


class LoadRun:
    """Replicas, store, vendors, sender and monitors of one run."""

    def __init__(
        self, stage: Stage, sender: Sender, watches: Sequence[ReplicaWatch], slow: SlowStore | None = None
    ) -> None:
        """All parts are already running; `slow` is the proxy in front of the store, if there is one."""
        self.slow = slow
        self.stage = stage
        self.sender = sender
        self.watches = list(watches)
        self._known: list[Mapping[str, Any]] = []
        self.reading: float | None = None
        """Seconds during which a long measurement reads all incidents and retries refused requests; None: once."""
        self.caught_up: float | None = None
        """Seconds until no work was pending after the replicas had the whole CPU again; None: it took too long."""

    async def throttled(self, share: float, rate: float, seconds: float, *, period: float = PERIOD) -> None:
        """Send while every replica has that share of a core (1: the whole core), then restore the CPU and wait.

        Returns when no work is pending, or after `CATCH_UP` seconds.
        """
        with contextlib.ExitStack() as stack:
            for service in self.stage.services if share < 1 else ():
                stack.enter_context(Throttle(service.pid, share, period))
            await self.sender.run(rate, seconds)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all notifications are accepted and paged, for at most `CATCH_UP` seconds."""
        with contextlib.suppress(AssertionError):
            self.caught_up = await until(self._nothing_owed, "all notifications to be accepted and paged", CATCH_UP)

    async def _nothing_owed(self) -> bool:
        # The API is queried again only after its last response was fulfilled, because responses cost the replica CPU.
        if self.sender.waiting or (self._known and self._missing()):
            return False
        with contextlib.suppress(AssertionError, aiohttp.ClientError, TimeoutError):  # refused under load
            self._known = await self.incidents()
            return not self._missing()
        return False

    def _missing(self) -> list[str]:
        return Pages.read(self.stage.fakes.entries()).missing(self._known)

    async def incidents(self) -> list[Mapping[str, Any]]:
        """Return every incident, page by page through the API.

        Raises TimeoutError after `API_LIMIT` seconds, or after `reading`.
        """
        found: list[Mapping[str, Any]] = []
        cursor = ""
        async with asyncio.timeout(self.reading or API_LIMIT):
            while True:
                answer = await self._page(cursor)
                found += answer["items"]
                if answer["next"] is None:
                    return found
                cursor = answer["next"]

    async def _page(self, cursor: str) -> dict[str, Any]:
        path, wait = f"/api/v1/incidents?limit={API_PAGE}{cursor and f'&cursor={cursor}'}", API_WAIT
        while True:
            try:
                page: dict[str, Any] = await self.stage.get(path)
                return page
            except (AssertionError, aiohttp.ClientError):
                if self.reading is None:
                    raise
            await asyncio.sleep(wait)
            wait = min(2 * wait, API_WAIT_MOST)

    async def report(self) -> Report:
        """Return the result with its figures."""
        report = Report()
        # First the accepted groups, then the incidents: a group that is accepted in between does not count as lost.
        taken = [group for group in self.sender.groups if group.taken]
        try:
            incidents = await self.incidents()
        except (AssertionError, aiohttp.ClientError, TimeoutError) as error:
            report.breaches.append(f"the API cannot be read: {type(error).__name__} {str(error)[:100]}")
            incidents = self._known
        pages = Pages.read(self.stage.fakes.entries())
        for number, watch in enumerate(self.watches):
            await self._judge_replica(number, watch, report)
        self._judge_pages(pages, incidents, report)
        self._judge_sender(taken, incidents, report)
        self._measure(pages, incidents, report)
        return report

    async def _judge_replica(self, number: int, watch: ReplicaWatch, report: Report) -> None:
        name, sample = f"replica {number}", await watch.look()
        if sample.healthz != 200 or sample.said.get("status") != "ok":
            report.breaches.append(f"{name}: /healthz answers {sample.healthz} {sample.said.get('status')}")
        if sample.beat_age is None or sample.beat_age > FRESH:
            report.breaches.append(f"{name}: the last beat of the work loop is {sample.beat_age} s old")
        try:
            ended = ended_tasks(await watch.metrics())
        except (aiohttp.ClientError, TimeoutError) as error:
            report.breaches.append(f"{name}: /metrics does not answer: {type(error).__name__}")
        else:
            if ended:
                report.breaches.append(f"{name}: supervised tasks ended: {ended}")
        stuck = [one for one in watch.samples if one.healthz == 503]
        if stuck:
            report.breaches.append(f"{name}: {len(stuck)} times /healthz answered 503")
        away = [record for record in watch.log() if record["event"] == "store_failed"]
        if away:
            reasons = Counter(str(record.get("reason"))[:50] for record in away)
            report.breaches.append(f"{name}: {len(away)} times store_failed, and the store was fine: {dict(reasons)}")
        down = sum(one.store_up is False for one in watch.samples)
        if down:
            report.breaches.append(f"{name}: {down} of {len(watch.samples)} times the store was said to be away")

    def _judge_pages(self, pages: Pages, incidents: Sequence[Mapping[str, Any]], report: Report) -> None:
        missing = pages.missing(incidents)
        if missing:
            report.breaches.append(f"not paged: {len(missing)} incidents, such as {missing[:3]}")
        if self.caught_up is None:
            report.breaches.append(f"something was owed {CATCH_UP:g} s after the CPU was there again")
        emergency = sum(
            record["event"] == "emergency_page_attempted" for watch in self.watches for record in watch.log()
        )
        if pages.emergency or emergency:
            names = sorted(set(pages.emergency))[:5]
            report.breaches.append(f"{len(pages.emergency)} emergency pages at the vendor, {emergency} logged: {names}")
        repeated = pages.repeated()
        if repeated:
            report.breaches.append(f"triggered more than twice: {len(repeated)} keys, such as {repeated[:3]}")
        if pages.too_fast:
            report.breaches.append(f"{pages.too_fast} requests were above the vendor's quota")

    def _judge_sender(self, taken: Sequence[Group], incidents: Sequence[Mapping[str, Any]], report: Report) -> None:
        known = {one["id"] for one in incidents}
        lost = [group.name for group in taken if group.said.get("incident") not in known]
        if lost:
            report.breaches.append(f"lost: {len(lost)} groups were answered 2xx and have no incident: {lost[:5]}")
        if self.sender.waiting:
            report.breaches.append(f"not taken: {len(self.sender.waiting)} of {len(self.sender.groups)} groups")
        unfair = {reason: count for reason, count in self._refused().items() if reason != OVERLOADED}
        if unfair:
            report.breaches.append(f"refused, and neither the store nor the replica was gone: {unfair}")
        dropped = {outcome: count for outcome, count in self.sender.outcomes.items() if outcome.startswith("4")}
        if dropped:
            report.breaches.append(f"refused for good: {dropped}")

    def _refused(self) -> Counter[str]:
        """Return the number of 5xx responses to webhooks by reason; `overloaded` for any full queue."""
        return Counter(
            OVERLOADED if record["outcome"] == OVERLOADED else str(record.get("reason"))
            for watch in self.watches
            for record in watch.log()
            if record["event"] == "webhook_answered" and record.get("outcome") in NOT_TAKEN
        )

    def _measure(self, pages: Pages, incidents: Sequence[Mapping[str, Any]], report: Report) -> None:
        accepted = [one.took for one in self.sender.attempts if one.outcome == "200"]
        taken = [one.taken - one.first_try for one in self.sender.groups if one.taken]
        late = [
            pages.first[one.name] - one.first_try
            for one in self.sender.groups
            if one.severity == "SEV-1" and one.name in pages.first
        ]
        report.figures |= {
            "groups": len(self.sender.groups), "incidents": len(incidents),
            "attempts": dict(self.sender.outcomes), "refused": dict(self._refused()),
            "accept_p50": round(percentile(accepted, 0.5), 3), "accept_p99": round(percentile(accepted, 0.99), 3),
            "taken_p99": round(percentile(taken, 0.99), 2),
            "pages": len(pages.triggers), "sev1_page_p50": round(percentile(late, 0.5), 2),
            "sev1_page_p99": round(percentile(late, 0.99), 2),
            "beat_age_max": max((one.beat_age or 0.0 for watch in self.watches for one in watch.samples), default=0.0),
            "caught_up": None if self.caught_up is None else round(self.caught_up, 1),
        }  # fmt: skip


def with_storm(content: dict[str, Any]) -> None:
    """Use the storm limits of the reference configuration, and keep quiet incidents open for a while."""
    content["ingest"]["storm"] = {"incidents": 20, "within": "1m"}
    content["incidents"]["monitor_for"] = "15m"


@contextlib.asynccontextmanager
async def load_run(
    folder: Path, replicas: int = 1, *, embedded: bool = False, change: Change = with_storm, severe_each: int = 20,
    peers: int = 1, slow: bool = False,
) -> AsyncIterator[LoadRun]:  # fmt: skip
    """Start everything, and stop it at the end of the block.

    `embedded`: one replica with its own store. `slow`: the replicas reach the store through a proxy, `LoadRun.slow`,
    which adds no delay until a test sets one.
    """
    assert not embedded or (replicas == 1 and not slow), "an embedded store serves one replica, which starts it"
    async with contextlib.AsyncExitStack() as stack:
        valkey, fakes = await stack.enter_async_context(vendors_and_store(folder, store=not embedded, rate_limits=True))
        proxy: SlowStore | None = None
        if slow:
            assert valkey is not None
            proxy = await stack.enter_async_context(SlowStore(valkey.socket.parent, valkey.socket))
        stage = Stage(folder / "run", valkey, fakes, plain=True)
        stack.push_async_callback(stage.end)
        await stage.open(replicas, redis={}, change=_through(proxy, change))
        sender = Sender([service.url for service in stage.services], severe_each=severe_each, peers=peers)
        stack.push_async_callback(sender.close)
        watches = [ReplicaWatch(service).start() for service in stage.services]
        for watch in watches:
            stack.push_async_callback(watch.close)
        yield LoadRun(stage, sender, watches, proxy)
        assert stage.unended() == [], "pages of a log that have neither ended nor are pending"


def _through(proxy: SlowStore | None, change: Change) -> Change:
    def changed(content: dict[str, Any]) -> None:
        change(content)
        if proxy is not None:
            content["redis"]["url"] = proxy.url

    return changed
