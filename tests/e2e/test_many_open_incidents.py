"""A real process with 6,000 open incidents in the store starts, counts, responds and opens incidents as with a few."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from bench.open_incidents import put
from bench.reading import body, resident
from tests.e2e.test_process import COMMAND
from tests.faults.programs import Program, Valkey, free_port
from tests.faults.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone]
MANY = 6000
PATHS = ("/healthz", "/", "/status", "/api/v1/incidents?queue=true", "/api/v1/incidents?open=true&limit=500")


class Crowded:
    """One service process and its store."""

    def __init__(self, folder: Path) -> None:
        self.store = Valkey(folder / "store")
        self.port = free_port()
        listen = f"127.0.0.1:{self.port}"
        self.service = Program([sys.executable, "-c", COMMAND, "serve", "--listen", listen], folder / "log")
        self.client = aiohttp.ClientSession(f"http://{listen}", headers={"Content-Type": "application/json"})
        self.raw: Any = redis.Redis.from_url(self.store.url, decode_responses=True)

    async def start(self) -> None:
        """Return when the service knows every open incident."""
        self.service.spawn({"REDIS_URL": self.store.url, "RECEIVER_LOG_LEVEL": "warning"})

        async def known() -> bool:
            assert self.service.alive, "the service exited during startup"
            try:
                async with self.client.get("/healthz") as answer:
                    said = (await answer.json())["mirror"]
            except (aiohttp.ClientError, OSError):
                return False
            return bool(said["complete"])

        await until(known, "a service that knows all incidents")

    async def gauge(self) -> dict[str, int]:
        """Return the number of open incidents by severity, from the metrics."""
        async with self.client.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        found: dict[str, int] = {}
        for line in lines:
            if line.startswith("receiver_incidents_open{"):
                severity = line.partition('severity="')[2][:5]
                found[severity] = found.get(severity, 0) + round(float(line.split()[-1]))
        return found

    def commands(self) -> dict[str, int]:
        """Return how often the store has run each command, including those in scripts."""
        return {name.removeprefix("cmdstat_"): one["calls"] for name, one in self.raw.info("commandstats").items()}

    async def close(self) -> None:
        await self.client.close()
        self.raw.close()
        self.service.end()
        self.store.end()


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[Crowded]:
    made = Crowded(tmp_path)
    try:
        await made.store.start()
        await put(made.store.url, MANY)
        await made.start()
        yield made
    finally:
        await made.close()


async def test_many_open_incidents_cost_nobody_anything(crowded: Crowded) -> None:
    one = crowded
    assert await one.gauge() == {"SEV-1": 0, "SEV-2": 0, "SEV-3": MANY // 2, "SEV-4": MANY // 2}
    for path in PATHS:
        began = time.monotonic()
        async with one.client.get(path) as answer:
            text = await answer.text()
        assert answer.status == 200, (path, text[:200])
        assert time.monotonic() - began < 5, f"{path}: much slower than a busy machine explains"
        if path == "/":
            assert f"Open ({MANY})" in text
            assert "Needs a response (5000+)" in text
            assert text.count('class="card') < 250, "the page shows the most severe ones, and that there are more"
    # The commands of an opening do not grow with the number of open incidents: counted by the store for 20 openings.
    before = one.commands()
    for number in range(20):
        async with one.client.post("/webhooks/alertmanager", data=body(1, f"n{number}")) as answer:
            assert answer.status == 200, await answer.text()
    await asyncio.sleep(1)  # several beats, in which the replica could read its commits back
    after = one.commands()
    read = sum(after.get(name, 0) - before.get(name, 0) for name in ("hmget", "hget", "hgetall"))
    assert read < MANY / 4, f"{read} reads for 20 openings"
    assert resident(one.service.pid) < 160
    await one.service.kill()
    await one.start()
    assert sum((await one.gauge()).values()) in (MANY + 20, MANY + 21), "perhaps including their storm"
