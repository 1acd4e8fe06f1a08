"""Sends groups of alerts at a steady rate as Alertmanager does: with a timeout, retries, and flushes."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.faults.sender import TOKEN
from tests.stories.world import alert, notification

FLUSH = 10.0
"""Seconds for which a notification is retried before the group's next flush: Alertmanager's `group_interval`, which is
short in these tests, and the minimum time that Alertmanager allows for a notification."""
FIRST_WAIT, GROWTH, SPREAD = 0.5, 1.5, 0.5
"""Alertmanager's backoff within a flush: half a second, multiplied by 1.5 each time, with 50 % jitter."""
NAMES = {"SEV-1": "DatabaseCorruption", "SEV-2": "Auth", "SEV-3": "DataDelay"}
"""The alert name for which config/severity-rules.yaml decides that severity."""


@dataclass
class Group:
    """One group of alerts, and the results of its notifications."""

    number: int
    severity: str
    starts: datetime
    first_try: float = 0.0
    """Unix time of the first attempt."""
    taken: float | None = None
    """Unix time of the first 2xx for the firing notification."""
    said: dict[str, Any] = field(default_factory=dict)
    """The body of the 2xx response."""
    attempts: int = 0
    ended: bool = False
    """Whether the resolved notification got a 2xx response."""

    @property
    def name(self) -> str:
        """The alert's name, which identifies the group in the vendors' ledger."""
        return f"{NAMES[self.severity]}Load{self.number}"

    def body(self, *, firing: bool = True, peer: int = 0) -> bytes:
        """Return its notification, as one Alertmanager of a cluster would send it."""
        ends = datetime.now(UTC) if not firing else self.starts + timedelta(minutes=5)
        one = alert(
            self.name, firing=firing, labels={"instance": "10.0.0.1"}, annotations={"summary": "under load"},
            starts=_rfc3339(self.starts), ends=_rfc3339(ends),
        )  # fmt: skip
        return notification(one, group=self.name, externalURL=f"http://alertmanager-{peer}:9093")


@dataclass
class Attempt:
    """One request and its response."""

    at: float
    """Unix time."""
    took: float
    """Seconds."""
    outcome: str
    """The response's status, or the name of the client's error."""


class Sender:
    """One Alertmanager, or several that all send; they use the replicas in turn."""

    def __init__(self, urls: Sequence[str], *, severe_each: int = 20, peers: int = 1, timeout: float = 10.0) -> None:
        """One group in `severe_each` is SEV-1, the others are SEV-2; `timeout` is in seconds per attempt."""
        self.urls = list(urls)
        self.peers = peers
        self.severe_each = severe_each
        self.groups: list[Group] = []
        self.attempts: list[Attempt] = []
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout),
            connector=aiohttp.TCPConnector(limit=0),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )

    async def close(self) -> None:
        """Stop retrying, and close the connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def run(
        self, rate: float, seconds: float, *, repeat: float | None = None, resolve_after: float | None = None
    ) -> None:
        """Start `rate` new groups a second for `seconds`, regardless of earlier ones.

        An accepted group is repeated every `repeat` seconds, and sent as resolved after `resolve_after` seconds.
        """
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            self.begin(repeat=repeat, resolve_after=resolve_after)

    def begin(self, *, repeat: float | None = None, resolve_after: float | None = None) -> Group:
        """Start one new group, and return it."""
        number = len(self.groups) + 1
        severity = "SEV-1" if number % self.severe_each == 0 else "SEV-2"
        group = Group(number, severity, datetime.now(UTC))
        self.groups.append(group)
        self._spawn(self._follow(group, repeat, resolve_after))
        return group

    def _spawn(self, act: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(act)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def waiting(self) -> list[Group]:
        """The groups whose firing notification has not been accepted yet."""
        return [group for group in self.groups if group.taken is None]

    @property
    def outcomes(self) -> Counter[str]:
        """The number of responses by result."""
        return Counter(attempt.outcome for attempt in self.attempts)

    async def _follow(self, group: Group, repeat: float | None, resolve_after: float | None) -> None:
        group.first_try = time.time()
        for peer in range(1, self.peers):
            self._spawn(self._deliver(group, firing=True, peer=peer))
        group.said = await self._deliver(group, firing=True)
        group.taken = time.time()
        end = None if resolve_after is None else time.monotonic() + resolve_after
        while repeat is not None and (end is None or time.monotonic() + repeat < end):
            await asyncio.sleep(repeat)
            await self._deliver(group, firing=True)
        if end is not None:
            await asyncio.sleep(max(0.0, end - time.monotonic()))
            await self._deliver(group, firing=False)
            group.ended = True

    async def _deliver(self, group: Group, *, firing: bool, peer: int = 0) -> dict[str, Any]:
        """Send it until it is accepted, flush after flush, and return the response."""
        while True:
            wait, end = FIRST_WAIT, time.monotonic() + FLUSH
            while time.monotonic() < end:
                said = await self._post(group, firing=firing, peer=peer)
                if said is not None:
                    return said
                await asyncio.sleep(wait * random.uniform(1 - SPREAD, 1 + SPREAD))
                wait *= GROWTH

    async def _post(self, group: Group, *, firing: bool, peer: int) -> dict[str, Any] | None:
        """Make one attempt; return the response's content if it was accepted, None if it must be retried."""
        url, began = self.urls[next(self._turns) % len(self.urls)], time.time()
        group.attempts += 1
        said: dict[str, Any] | None = None
        try:
            async with self._session.post(
                f"{url}/webhooks/alertmanager", data=group.body(firing=firing, peer=peer)
            ) as answer:
                content = await answer.read()
                outcome = str(answer.status)
                if answer.status // 100 == 2:
                    said = json.loads(content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            outcome = type(error).__name__
        self.attempts.append(Attempt(began, time.time() - began, outcome))
        return said


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
