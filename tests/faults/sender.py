"""A sender that behaves like Alertmanager, and records each attempt and each response."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from tests.stories.world import alert, notification

TOKEN = "am-token-of-the-fault-tests"
ALICE, LEAD = "a" * 32, "b" * 32
"""Routing keys of the person on call, and of the engineering lead."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0
"""Seconds between attempts: half a second, then 1.5 times as long each time, like Alertmanager, but less than its
minute."""


@dataclass(frozen=True)
class Probe:
    """One alert, in a group of its own."""

    number: int
    severe: bool
    """SEV-1, which pages the lead as well; else SEV-2."""
    starts: datetime

    @property
    def name(self) -> str:
        """The name by which the oracle identifies it."""
        return f"Probe{self.number}"

    @property
    def pages(self) -> tuple[str, ...]:
        """Routing keys of the people that it pages."""
        return (ALICE, LEAD) if self.severe else (ALICE,)

    def body(self, *, firing: bool = True, peer: int = 0) -> bytes:
        """Return its notification, as one of two Alertmanagers would send it."""
        name = f"DatabaseCorruption{self.name}" if self.severe else f"Auth{self.name}"
        times = {"starts": _rfc3339(self.starts), "ends": _rfc3339(self.starts + timedelta(minutes=1))}
        alerts = [alert(name, firing=firing, labels={"instance": str(n)}, **times) for n in range(3)]
        return notification(
            *(alerts[::-1] if peer else alerts), group=self.name, externalURL=f"http://alertmanager-{peer}:9093",
            notification_reason=("firing", "repeat")[peer],
        )  # fmt: skip


class Sender:
    """Posts to replicas in turn, as behind a load balancer, until it gets a 2xx."""

    def __init__(self, urls: Sequence[str], ledger: Path, first_probe: int = 1) -> None:
        self.urls = list(urls)
        self.entries: list[dict[str, Any]] = []
        self.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10),
            connector=aiohttp.TCPConnector(force_close=True),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        self._ledger = ledger.open("a", encoding="utf-8")
        self._numbers = itertools.count(first_probe)
        self._turns = itertools.count()

    async def close(self) -> None:
        """Close connections and ledger."""
        await self.session.close()
        self._ledger.close()

    def probe(self, *, severe: bool = False) -> Probe:
        """Return a new alert that begins now."""
        return Probe(next(self._numbers), severe, datetime.now(UTC))

    async def post(
        self, probe: Probe, *, firing: bool = True, peer: int = 0, to: int | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Make one attempt, record it, and return the record."""
        url = self.urls[next(self._turns) % len(self.urls) if to is None else to]
        entry: dict[str, Any] = {
            "probe": probe.name, "firing": firing, "pages": probe.pages, "to": url, "at": time.time(),
            "status": None, "error": None, "said": None,
        }  # fmt: skip
        try:
            async with (session or self.session).post(
                f"{url}/webhooks/alertmanager", data=probe.body(firing=firing, peer=peer), allow_redirects=False
            ) as answer:
                entry["status"] = answer.status
                entry["said"] = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            entry["error"] = type(error).__name__
        entry["answered"] = time.time()
        self.entries.append(entry)
        self._ledger.write(json.dumps(entry) + "\n")
        self._ledger.flush()
        return entry

    async def deliver(self, probe: Probe, *, firing: bool = True, within: float = 60.0, **more: Any) -> dict[str, Any]:
        """Retry until it is accepted, and return that attempt.

        A 4xx fails, because Alertmanager would drop the notification.
        """
        wait, end = FIRST_WAIT, time.monotonic() + within
        while True:
            entry = await self.post(probe, firing=firing, **more)
            status = entry["status"]
            if status is not None and status < 500:
                assert 200 <= status < 300, f"Alertmanager would have dropped it: {entry}"
                return entry
            assert time.monotonic() < end, f"not accepted within {within:g} s: {entry}"
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(wait * 1.5, LONGEST_WAIT)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
