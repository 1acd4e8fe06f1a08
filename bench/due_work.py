"""`python -m bench --loop`: the number of due timers and deliveries that one replica processes per second.

Incidents are opened and paged; then the service ends, and its work becomes due: the timer `answer` of each incident,
and each page again. It is started again, and the remaining work in the store is counted. The vendor's quota is raised,
as in the other measurements. On a busy machine, the CPU time of each item is the relevant figure, not the number per
second.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from bench import servers
from bench.reading import body
from bench.webhook_cost import HEADERS, triggered
from receiver.store.embedded.embedded_store import EmbeddedStore

COUNT = 3000
GOALS = {"timers a second": 1200.0, "deliveries a second": 1000.0}
MOST = {"events of an incident that ends": 1.0, "seconds until 3,000 have ended": 4.0}
QUIET, LONGEST = 3.0, 240.0
"""Seconds without an event after which none is expected anymore, and the maximum wait."""
PREFIX = "{receiver}:"
DUE = """
local at = redis.call('TIME')[1] * 1000
for _, uid in ipairs(redis.call('ZRANGE', ARGV[1] .. 'open', 0, -1)) do
  redis.call('ZADD', ARGV[1] .. 'due:timer', at, uid .. ' answer')
end
"""
OWED = """
local at, n = redis.call('TIME')[1] * 1000, 0
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. 'row:*')) do
  if redis.call('HGET', key, 'lane') == 'pager!' then
    redis.call('HSET', key, 'cursor', 0, 'memory', '{}', 'until', 0, 'token', '')
    redis.call('HDEL', key, 'wait')
    redis.call('ZADD', ARGV[1] .. 'due:pager!', at, string.sub(key, #ARGV[1] + 5))
    n = n + 1
  end
end
return n
"""


async def _drained(store: Any, lane: str, left: int, most: float = 120.0) -> float:
    # Seconds until no more than `left` of the lane is due.
    began = time.monotonic()
    while time.monotonic() - began < most:
        if await store.zcount(f"{PREFIX}due:{lane}", "-inf", int(time.time() * 1000)) <= left:
            break
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def _ended(raw: bytes) -> bytes:
    # The same notification, with each alert resolved.
    said = json.loads(raw)
    for alert in said["alerts"]:
        alert |= {"status": "resolved", "endsAt": "2026-11-23T15:02:11.611Z"}
    return json.dumps(said | {"status": "resolved"}).encode()


async def _actions(client: aiohttp.ClientSession, vendor: servers.Server) -> dict[str, int]:
    async with client.get(f"{vendor.url}/actions") as answer:
        return dict(await answer.json())


async def _ends(client: aiohttp.ClientSession, service: servers.Server, vendor: servers.Server) -> dict[str, float]:
    # All of them end at once. None was acknowledged, so one event each must reach the vendor.
    before, cpu, began = await _actions(client, vendor), service.cpu(), time.monotonic()
    await _send(client, service, [_ended(_opening(number)) for number in range(COUNT)])
    taken = time.monotonic() - began
    sent: dict[str, int] = {}
    last = began
    # Until nothing has arrived for a while: an excess event would arrive after the others.
    while time.monotonic() - max(last, began + taken) < QUIET and time.monotonic() - began - taken < LONGEST:
        now = await _actions(client, vendor)
        # Pages that were still in progress do not count as events of the end.
        fresh = {name: count - before.get(name, 0) for name, count in now.items() if name != "trigger"}
        if fresh != sent:
            sent, last = fresh, time.monotonic()
        await asyncio.sleep(0.05)
    used = service.cpu() - cpu
    return {
        "seconds until 3,000 are accepted": taken, "seconds until 3,000 have ended": last - began,
        "events of an incident that ends": sum(sent.values()) / COUNT, "CPU of an end, us": used / COUNT * 1e6,
    }  # fmt: skip


def _opening(number: int) -> bytes:
    return body(1, f"due-{number}", "critical")


async def _send(client: aiohttp.ClientSession, service: servers.Server, bodies: Sequence[bytes]) -> None:
    # A few at once, and refused ones again.
    waiting = iter(bodies)

    async def one() -> None:
        for raw in waiting:
            url = f"{service.url}/webhooks/alertmanager"
            while True:
                async with client.post(url, data=raw, headers=HEADERS) as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.5)

    await asyncio.gather(*(one() for _ in range(8)))


async def main(checkout: Path) -> dict[str, float]:
    """Run it, print the number per second, and return the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = EmbeddedStore(folder / "store")
        url, vendor = kept.start(), servers.vendor(folder)
        store: Any = Redis.from_url(url, decode_responses=True)
        running = [vendor]
        try:
            async with aiohttp.ClientSession() as client:
                await vendor.ready(client)
                service = servers.service(folder, checkout, vendor.port, redis_url=url)
                running.append(service)
                await service.ready(client)
                await _send(client, service, [_opening(number) for number in range(COUNT)])
                end = time.monotonic() + 60
                while await triggered(client, vendor) < COUNT and time.monotonic() < end:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                running.pop().end()
                service = servers.service(folder, checkout, vendor.port, redis_url=url)
                running.append(service)
                await service.ready(client)
                await asyncio.sleep(2)
                cpu = service.cpu()
                await store.eval(DUE, 0, PREFIX)
                timers = await _drained(store, "timer", 5)
                timers_cpu = service.cpu() - cpu
                before, cpu = await triggered(client, vendor), service.cpu()
                owed = int(await store.eval(OWED, 0, PREFIX))
                deliveries = await _drained(store, "pager!", 0)
                deliveries_cpu = service.cpu() - cpu
                sent = await triggered(client, vendor) - before
                ends = await _ends(client, service, vendor)
        finally:
            for server in running:
                server.end()
            kept.stop()
    found = {
        "timers due": float(COUNT), "timers a second": COUNT / timers, "CPU of a timer, us": timers_cpu / COUNT * 1e6,
        "deliveries owed": float(owed), "deliveries sent": float(sent), "deliveries a second": sent / deliveries,
        "CPU of a delivery, us": deliveries_cpu / max(sent, 1) * 1e6,
    } | ends  # fmt: skip
    for what, value in found.items():
        goal = f"  >= {GOALS[what]:g}" if what in GOALS else f"  <= {MOST[what]:g}" if what in MOST else ""
        print(f"{what:32} {value:9.{1 if what in MOST else 0}f}{goal}")
    return found


def met(found: dict[str, float]) -> bool:
    """Return whether the goals were reached."""
    reached = all(found[name] >= goal for name, goal in GOALS.items())
    return reached and all(found[name] <= most for name, most in MOST.items())
