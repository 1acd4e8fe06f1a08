"""A hundred webhooks per second to all replicas in turn, and the comparison of accepted and stored notifications."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections import deque
from typing import Any

from tests.faults.oracle import PROBE
from tests.faults.sender import Probe, Sender
from tests.stories.world import alert, notification

RATE = 100
NEW, PAGING = 5, 100
"""One of this many webhooks has a new group, and one a new group that pages, because a vendor's key accepts two per
second. The others repeat accepted ones."""


class QuietProbe(Probe):
    """An alert that pages nobody; its outcome is read from the store."""

    @property
    def pages(self) -> tuple[str, ...]:
        return ()

    def body(self, *, firing: bool = True, peer: int = 0) -> bytes:
        labels = {"category": "internal", "instance": "0"}
        one = alert(f"Quiet{self.name}", firing=firing, labels=labels, starts=self.starts.isoformat())
        return notification(one, group=self.name, externalURL=f"http://alertmanager-{peer}:9093")


class Load:
    """Sends webhooks of new groups and repetitions until `end`."""

    def __init__(self, sender: Sender, rate: float = RATE) -> None:
        self.sender = sender
        self.probes: list[Probe] = []
        self._rate = rate
        self._tasks: set[asyncio.Task[object]] = set()
        self._recent: deque[Probe] = deque(maxlen=50)
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start sending."""
        self._loop = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Send nothing new, and return once everything was accepted; then every alert ends."""
        assert self._loop is not None
        self._loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._loop
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks)
            for task in done:
                task.result()
            self._tasks -= done
        for start in range(0, len(self.probes), 20):
            batch = self.probes[start : start + 20]
            await asyncio.gather(*(self.sender.deliver(probe, firing=False) for probe in batch))

    async def _run(self) -> None:
        began, sent = time.monotonic(), 0
        while True:
            while sent < (time.monotonic() - began) * self._rate:
                self._send(sent)
                sent += 1
            await asyncio.sleep(1 / self._rate)

    def _send(self, number: int) -> None:
        if number % PAGING == 0:
            job = self._tell(self.sender.probe(severe=number % (10 * PAGING) == 0))
        elif number % NEW == 0 or not self._recent:
            plain = self.sender.probe()
            job = self._tell(QuietProbe(plain.number, severe=False, starts=plain.starts))
        else:
            job = self._repeat(self._recent[number % len(self._recent)])
        task: asyncio.Task[object] = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._tasks.discard(task)

    async def _tell(self, probe: Probe) -> None:
        self.probes.append(probe)
        await self.sender.deliver(probe)
        self._recent.append(probe)

    async def _repeat(self, probe: Probe) -> None:
        await self.sender.post(probe, peer=1)

    def took_again(self, since: float) -> float:
        """Return the seconds from `since` until a replica accepted a webhook that was sent after it; inf: not yet."""
        times = [one["answered"] - since for one in self.sender.entries if one["status"] == 200 and one["at"] >= since]
        return min(times, default=float("inf"))

    def gap(self) -> float:
        """Return the longest time in which no replica accepted anything."""
        taken = sorted(one["answered"] for one in self.sender.entries if one["status"] == 200)
        return max((after - before for before, after in itertools.pairwise(taken)), default=0.0)

    def lost(self, client: Any, prefix: str) -> set[str]:
        """Return the names of groups that were answered with 200, and have no incident in the store."""
        there: set[str] = set()
        for key in client.scan_iter(f"{prefix}inc:*", count=1000):
            there.update(PROBE.findall(client.hget(key, "state") or ""))
        taken = {one["probe"] for one in self.sender.entries if one["status"] == 200 and one["firing"]}
        return taken - there

    def shared(self) -> list[str]:
        """Return incidents that were returned for more than one group, because their number was used twice."""
        groups: dict[str, set[str]] = {}
        for one in self.sender.entries:
            if one["status"] == 200 and one["firing"] and re.match("INC-", str(one["said"]["incident"])):
                groups.setdefault(one["said"]["incident"], set()).add(one["probe"])
        return [incident for incident, names in groups.items() if len(names) > 1]
