"""`python -m bench --bytes`: the stored size of an incident with 1 and with 50 alerts: open, over, and compressed.

Incidents are opened and ended by webhooks at one replica. The figure is the growth of `used_memory` divided by the
number of incidents, with everything that belongs to one: keys, members of indexes, and the store's own overhead. Before
the last figure, keys that expire within a day are deleted, because incidents are compressed a day after their last
change.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from bench import servers
from bench.reading import body
from bench.webhook_cost import HEADERS
from receiver.store.client.connection import Connection
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.incidents.incident_compressor import IncidentCompressor

COUNTS = {1: 2000, 50: 200}
"""Number of incidents, by the number of their alerts."""
GOALS = {"open, 1 alert": 5000.0, "over and compressed, 1 alert": 3000.0}
"""Maximum size of an incident in bytes."""
BEFORE = 100
"""Number of incidents that are opened first, so that one-time costs of the store are not counted."""
PREFIX = "{receiver}:"
QUICK = "incidents: {monitor_for: 1s}\n"
DAY = 86_400
LONGEST = 120.0


async def main(checkout: Path) -> dict[str, float]:
    """Run it, print the table, and return the bytes of each row."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for alerts, count in COUNTS.items():
            folder = Path(name) / str(alerts)
            folder.mkdir()
            found, kinds = await _measured(folder, checkout, alerts, count)
            figures |= {f"{what}, {alerts} alert{'s' * (alerts > 1)}": value for what, value in found.items()}
            for what, each in kinds.items():
                listed = ", ".join(f"{kind} {size:.0f}" for kind, size in each.most_common(12))
                print(f"{what}, {alerts} alert(s), bytes by kind of key: {listed}")
    for what, value in figures.items():
        goal = f"  <= {GOALS[what]:,.0f}" if what in GOALS else ""
        print(f"{what:40} {value:9,.0f}{goal}")
    return figures


def met(figures: dict[str, float]) -> bool:
    """Return whether the goals were reached."""
    return all(figures[name] <= most for name, most in GOALS.items())


async def _measured(
    folder: Path, checkout: Path, alerts: int, count: int
) -> tuple[dict[str, float], dict[str, Counter[str]]]:
    kept = EmbeddedStore(folder / "store")
    url = kept.start()
    store: Any = Redis.from_url(url, decode_responses=True)
    service = servers.service(folder, checkout, 1, redis_url=url, more=QUICK)
    try:
        async with aiohttp.ClientSession() as client:
            await service.ready(client)
            await _sent(client, service, [body(alerts, f"before-{number}") for number in range(BEFORE)])
            await _until(lambda: _still(store, BEFORE))
            base, bodies = await _used(store), [body(alerts, f"counted-{number}") for number in range(count)]
            await _sent(client, service, bodies)
            await _until(lambda: _still(store, BEFORE + count))
            figures, kinds = {"open": (await _used(store) - base) / count}, {"open": await _kinds(store)}
            await _sent(client, service, [_ended(raw) for raw in bodies])
            await _until(lambda: _still(store, BEFORE))
            figures["over"] = (await _used(store) - base) / count
        async for key in store.scan_iter(count=1000):
            if 0 < await store.ttl(key) <= DAY:
                await store.delete(key)
        connection = Connection(url, "receiver")
        try:
            await IncidentCompressor(connection).compress(_now_ms() + 1000 * DAY, 10 * count)
        finally:
            await connection.close()
        figures["over and compressed"] = (await _used(store) - base) / count
        kinds["over and compressed"] = await _kinds(store)
    finally:
        service.end()
        await store.aclose()
        kept.stop()
    return figures, kinds


def _now_ms() -> int:
    return round(time.time() * 1000)


async def _sent(client: aiohttp.ClientSession, service: servers.Server, bodies: list[bytes]) -> None:
    waiting = iter(bodies)

    async def one() -> None:
        for raw in waiting:
            while True:
                url = f"{service.url}/webhooks/alertmanager"
                async with client.post(url, data=raw, headers=HEADERS) as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.2)

    await asyncio.gather(*(one() for _ in range(8)))


def _ended(raw: bytes) -> bytes:
    said = json.loads(raw)
    for alert in said["alerts"]:
        alert |= {"status": "resolved", "endsAt": "2026-11-23T15:02:11.611Z"}
    return json.dumps(said | {"status": "resolved"}).encode()


async def _still(store: Any, open_ones: int) -> bool:
    # This many are open, the index of similar incidents has the last commit, and no delivery is due.
    upto, commits = await store.hget(f"{PREFIX}similar", "upto"), await store.get(f"{PREFIX}commits")
    now = time.time() * 1000
    due = [await store.zcount(key, "-inf", now) async for key in store.scan_iter(f"{PREFIX}due:*", count=1000)]
    return await store.zcard(f"{PREFIX}open") == open_ones and upto == commits and not sum(due)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + LONGEST
    while not await holds():
        if time.monotonic() > end:
            raise SystemExit("the service has not come to rest")
        await asyncio.sleep(0.5)


async def _used(store: Any) -> float:
    return float((await store.info("memory"))["used_memory"])


async def _kinds(store: Any) -> Counter[str]:
    # Bytes of each kind of key, divided by all incidents of the store.
    total: Counter[str] = Counter()
    every = await store.zcard(f"{PREFIX}index")
    async for key in store.scan_iter(count=1000):
        total[key.removeprefix(PREFIX).partition(":")[0]] += await store.memory_usage(key, samples=0)
    return Counter({kind: size / every for kind, size in total.items()})
