"""`python -m bench --storm`: 5,000 groups in a minute, each from two Alertmanagers; one in fifty is a SEV-1.

Refused notifications are sent again after half a second, as an Alertmanager does. The exit code is 1 if a group was
lost, a SEV-1 was not paged, or the storm cost too much CPU.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench import servers
from bench.reading import body
from bench.servers import TOKEN
from bench.webhook_cost import triggered

GROUPS, SECONDS = 5000, 60.0
GOAL = 15.0
"""Maximum CPU seconds of the service and its store together, on the reference machine."""
BESIDE = 15.0
"""Maximum delay of the second Alertmanager in seconds."""
SIZES = (1, 1, 1, 2, 5, 20)
"""Number of alerts in a group."""
TAKEN_WITHIN = 120.0
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}


@dataclass
class Sent:
    """The results of the notifications."""

    took: list[float] = field(default_factory=list)
    """Seconds of each attempt that was accepted."""
    refused: int = 0
    lost: int = 0


async def _send(client: aiohttp.ClientSession, url: str, at: float, raw: bytes, sent: Sent) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    while time.monotonic() < at + TAKEN_WITHIN:
        began = time.monotonic()
        async with client.post(url, data=raw, headers=HEADERS) as answer:
            await answer.read()
        if answer.status == 200:
            sent.took.append(time.monotonic() - began)
            return
        sent.refused += 1
        await asyncio.sleep(0.5)
    sent.lost += 1


async def _storm(client: aiohttp.ClientSession, service: servers.Server) -> Sent:
    chosen, sent, url = random.Random(1), Sent(), f"{service.url}/webhooks/alertmanager"
    bodies = [
        body(chosen.choice(SIZES), f"storm-{number}", "warning" if number % 50 else "critical")
        for number in range(GROUPS)
    ]
    began = time.monotonic() + 1
    async with asyncio.TaskGroup() as group:
        for raw in bodies:
            at = began + chosen.uniform(0, SECONDS)
            for late in (0.0, chosen.uniform(0.01, BESIDE)):
                group.create_task(_send(client, url, at + late, raw, sent))
    return sent


async def main(checkout: Path) -> dict[str, float]:
    """Run it, print the cost, and return the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vendor = servers.vendor(folder)
        service = servers.service(folder, checkout, vendor.port, storm=20)
        try:
            connector = aiohttp.TCPConnector(limit=64)
            async with aiohttp.ClientSession(connector=connector) as client:
                for server in (vendor, service):
                    await server.ready(client)
                before, stored = service.cpu(), service.children_cpu()
                sent = await _storm(client, service)
                urgent = GROUPS // 50
                end = time.monotonic() + 30
                while (paged := await triggered(client, vendor)) < urgent and time.monotonic() < end:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                await asyncio.sleep(2)
                cost, store = service.cpu() - before, service.children_cpu() - stored
        finally:
            for server in (vendor, service):
                server.end()
    found = {
        "CPU, s": cost, "of that the store, s": store, "accepted": len(sent.took), "lost": sent.lost,
        "answers that refused": sent.refused, "p50 of an answer, ms": statistics.median(sent.took) * 1000,
        "p99 of an answer, ms": statistics.quantiles(sent.took, n=100)[98] * 1000, "pages": paged,
        "pages wanted": urgent,
    }  # fmt: skip
    for what, value in found.items():
        print(f"{what:28} {value:9.1f}")
    return found


def met(found: dict[str, float]) -> bool:
    """Return whether nothing was lost, everyone was paged, and the goal was reached."""
    return not found["lost"] and found["pages"] >= found["pages wanted"] and found["CPU, s"] <= GOAL
