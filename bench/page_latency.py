"""`python -m bench --latency`: the delay until a page is at the vendor's socket, and the cost of the store's disk.

SEV-1 notifications of new groups are posted at a steady rate, whether or not earlier ones were answered. The vendor is
a separate process that records when each page arrives; both processes use the same monotonic clock. A bare handler gets
the same load. A row is the 99th percentile of both, and their difference. Afterwards 64 connections post new groups as
fast as they are answered, to a service whose store syncs each write and to one whose store does not.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from bench import servers
from bench.phones import quantile
from bench.reading import body
from bench.servers import Server
from bench.webhook_cost import HEADERS

RATES = {50: 6.0, 200: 75.0, 500: 230.0}
"""Webhooks per second, and the goal: milliseconds by which a page may be later than a bare response, at the 99th
percentile."""
SECONDS, CONNECTIONS, ROUNDS = 5.0, 64, 3
ACCEPTED, OVERLOADED, RETRY = 200, 503, 0.5
FSYNC = 0.8
"""Goal: requests per second with a synced store, relative to one without (at most 20 % less)."""
VENDOR = """
import re, sys, time, uvloop
from aiohttp import web
arrived = {}
async def take(request):
    at = time.monotonic()
    raw = await request.read()
    found = re.search(rb"lat-([a-z0-9-]+)", raw)
    if found and b'"trigger"' in raw:
        arrived.setdefault(found[1].decode(), at)
    return web.json_response({"status": "success", "message": "ok", "dedup_key": "k"}, status=202)
async def told(request):
    return web.json_response(arrived)
app = web.Application(client_max_size=2**26)
app.router.add_post("/{path:.*}", take)
app.router.add_get("/{path:.*}", told)
uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


async def _status(client: aiohttp.ClientSession, server: Server, raw: bytes) -> int:
    async with client.post(f"{server.url}/webhooks/alertmanager", data=raw, headers=HEADERS) as answer:
        said = await answer.text()
        if answer.status not in (ACCEPTED, OVERLOADED):
            raise RuntimeError(f"{answer.status}: {said}")
        return answer.status


async def paced(client: aiohttp.ClientSession, server: Server, rate: int, salt: str) -> tuple[dict[str, float], float]:
    """Post `rate` per second for SECONDS; return when each was due, and the responses' p99 in seconds."""
    began, posted, took = time.monotonic() + 0.1, {}, []

    async def one(number: int, due: float) -> None:
        raw = body(1, f"lat-{salt}-{number}", "critical")
        # An overloaded service answers 503, and a sender posts again. The page's delay still counts from `due`.
        while await _status(client, server, raw) == OVERLOADED:  # noqa: ASYNC110
            await asyncio.sleep(RETRY)
        took.append(time.monotonic() - due)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * SECONDS)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            posted[f"{salt}-{number}"] = due
            group.create_task(one(number, due))
    return posted, quantile(took, 0.99)


async def delays(client: aiohttp.ClientSession, vendor: Server, posted: Mapping[str, float]) -> list[float]:
    """Return how many seconds after its due time each page was at the vendor, once all have arrived."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        async with client.get(vendor.url) as answer:
            arrived = await answer.json()
        if posted.keys() <= arrived.keys():
            return [arrived[name] - at for name, at in posted.items()]
        await asyncio.sleep(0.2)
    raise RuntimeError(f"{len(posted.keys() - arrived.keys())} of {len(posted)} pages did not arrive within 60 s")


async def fastest(client: aiohttp.ClientSession, server: Server, salt: str) -> float:
    """Return how many new groups per second are accepted on 64 connections."""
    end, count = time.monotonic() + SECONDS, 0

    async def one(connection: int) -> None:
        nonlocal count
        number = 0
        while time.monotonic() < end:
            raw = body(1, f"{salt}-{connection}-{number}")
            status = await _status(client, server, raw)  # other connections count while this one waits
            count, number = count + (status == ACCEPTED), number + 1

    await asyncio.gather(*(one(n) for n in range(CONNECTIONS)))
    return count / SECONDS


async def main(checkout: Path) -> dict[str, float]:
    """Print and return the figures: the delay of pages in milliseconds by rate, and the synced store's ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vendor, bare = Server([sys.executable, "-c", VENDOR, "{port}"], folder), servers.bare(folder)
        service = servers.service(folder, checkout, vendor.port)
        (folder / "memory").mkdir()
        memory = servers.service(folder / "memory", checkout, vendor.port, durability="memory")
        try:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            async with aiohttp.ClientSession(connector=connector) as client:
                for server in (vendor, bare, service, memory):
                    await server.ready(client)
                figures = await _rates(client, bare, service, vendor)
                return figures | await _disk(client, service, memory)
        finally:
            for server in (memory, service, bare, vendor):
                server.end()


async def _rates(client: aiohttp.ClientSession, bare: Server, service: Server, vendor: Server) -> dict[str, float]:
    figures: dict[str, float] = {}
    await delays(client, vendor, (await paced(client, service, 20, "warm"))[0])
    print("webhook to the vendor's socket, ms   page p50     p99   bare p99   above    goal", flush=True)
    for rate, goal in RATES.items():
        _, plain = await paced(client, bare, rate, f"bare{rate}")
        posted, _ = await paced(client, service, rate, str(rate))
        late = await delays(client, vendor, posted)
        above = figures[f"{rate} a second"] = (quantile(late, 0.99) - plain) * 1000
        shown = (quantile(late, 0.5) * 1000, quantile(late, 0.99) * 1000, plain * 1000, above, goal)
        print(f"{rate:4} a second {'':23}" + "".join(f"{value:8.1f}" for value in shown), flush=True)
    return figures


async def _disk(client: aiohttp.ClientSession, service: Server, memory: Server) -> dict[str, float]:
    shares = []
    for turn in range(ROUNDS):
        synced = await fastest(client, service, f"disk{turn}")
        plain = await fastest(client, memory, f"memory{turn}")
        shares.append(synced / plain)
        print(
            f"64 connections, new groups a second: {synced:.0f} synced, {plain:.0f} not: {synced / plain:.2f}",
            flush=True,
        )
    return {"synced of unsynced": quantile(shares, 0.5)}


def met(figures: Mapping[str, float]) -> bool:
    """Return whether every goal was reached."""
    rates = all(figures[f"{rate} a second"] <= goal for rate, goal in RATES.items())
    return rates and figures["synced of unsynced"] >= FSYNC
