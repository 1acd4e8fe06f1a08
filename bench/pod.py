"""`python -m bench.pod`: memory and CPU of one replica and its store, idle and under load.

The requests and limits in deploy/k8s are based on it. CPU is measured as process time, so a busy machine does not
affect it; memory is the current and the maximum resident size.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

import aiohttp

from bench.reading import TICKS, body
from bench.servers import Server
from bench.webhook_cost import CONNECTIONS

REST = 10.0
SERVE = [sys.executable, "-m", "receiver.cli", "serve", "--listen", "127.0.0.1:{port}"]


def status(pid: int, field: str) -> float:
    """Return a field of the process's status in MiB: VmRSS is the current size, VmHWM the maximum."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise KeyError(field)


def seconds(pid: int) -> float:
    """Return the CPU seconds that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def child(pid: int) -> int:
    """Return the pid of the process's only child: the embedded store."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
            return int(stat.parent.name)
    raise LookupError("the embedded store is not there")


async def taken(client: aiohttp.ClientSession, url: str, content: bytes) -> None:
    """Send until the service accepts it, like Alertmanager but with shorter waits."""
    for _ in range(60):
        async with client.post(f"{url}/webhooks/alertmanager", data=content) as answer:
            if answer.status == 200:
                return
            if answer.status != 503:
                break
        await asyncio.sleep(0.5)
    raise SystemExit(f"{answer.status}: {answer.reason}")


async def post(client: aiohttp.ClientSession, url: str, bodies: Iterable[bytes], connections: int) -> int:
    """Send each body once, over that many connections. Returns the number of bodies."""
    left, sent = iter(bodies), 0

    async def one() -> None:
        nonlocal sent
        for content in left:
            await taken(client, url, content)
            sent += 1

    await asyncio.gather(*(one() for _ in range(connections)))
    return sent


def show(name: str, pids: dict[str, int], used: dict[str, float], count: int) -> None:
    """Print one line: memory of each process, and its CPU for each notification."""
    parts = [name.ljust(46)]
    for who, pid in pids.items():
        cost = (seconds(pid) - used[who]) * 1000 / count
        parts.append(f"{who} {status(pid, 'VmRSS'):5.0f} MiB (most {status(pid, 'VmHWM'):4.0f}) {cost:7.2f} ms")
    print("  ".join(parts))


async def main() -> None:
    """Run every case, each with the data of the previous one."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(SERVE, Path(folder))
        try:
            async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as client:
                await server.ready(client)
                pids = {"service": server.process.pid, "store": child(server.process.pid)}
                used = {who: seconds(pid) for who, pid in pids.items()}
                await asyncio.sleep(REST)
                show("at rest, each second", pids, used, round(REST))
                cases: list[tuple[str, Iterable[bytes], int]] = [
                    ("2,000 incidents open, of 1 alert each", (body(1, f"o{n}") for n in range(2000)), CONNECTIONS),
                    ("the same notification of 1 alert again", repeat(body(1, "o1"), 4000), CONNECTIONS),
                    ("the same notification of 50 alerts again", repeat(body(50, "fifty"), 1000), CONNECTIONS),
                    ("10,000 alerts at once", [body(10_000, "big")], 1),
                    ("four times 10,000 alerts at the same time", [body(10_000, f"big{n}") for n in range(4)], 4),
                    ("the same four again", chain(body(10_000, f"big{n}") for n in range(4)), 4),
                ]
                for name, bodies, connections in cases:
                    used = {who: seconds(pid) for who, pid in pids.items()}
                    began = time.monotonic()
                    count = await post(client, server.url, bodies, connections)
                    took = time.monotonic() - began
                    await asyncio.sleep(1)  # the deliveries of opened incidents
                    show(f"{name} ({count / took:.0f}/s)", pids, used, count)
        finally:
            server.end()


if __name__ == "__main__":
    asyncio.run(main())
