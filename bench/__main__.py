"""`python -m bench`: what a webhook costs beside a handler that only reads it. CPU first, for it is the stable measure.

`--growth` measures the service with many open incidents instead (bench/growth.py).

Each round measures the variants one after another; a line prints the median of the rounds' ratios and their span.
`--throttled` and `--soak` run long measurements of real replicas instead, which exit 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from bench import growth, oncall, review, rules, soak, throttled
from bench.reading import TICKS, body

ROUNDS = 3
SECONDS = 2.0
CONNECTIONS = 16
BARE = """
import sys
from aiohttp import web
async def take(request):
    await request.read()
    return web.json_response({"incident": None})
app = web.Application(client_max_size=2**26)
app.router.add_post("/webhooks/alertmanager", take)
app.router.add_get("/healthz", take)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


class Server:
    """One process that answers, and the CPU that it and its children have used."""

    def __init__(self, command: list[str], folder: str) -> None:
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            self.port = door.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        env = {**os.environ, "RECEIVER_DATA_DIR": folder, "RECEIVER_LOG_LEVEL": "error"}
        line = [word.replace("{port}", str(self.port)) for word in command]
        self.process = subprocess.Popen(line, env=env, stderr=subprocess.DEVNULL)

    def cpu(self) -> float:
        """Return seconds of CPU so far, the store's included."""
        total = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if self.process.pid in (int(stat.parent.name), int(fields[1])):
                total += (int(fields[11]) + int(fields[12])) / TICKS
        return total

    async def ready(self, client: aiohttp.ClientSession) -> None:
        """Return once it answers."""
        for _ in range(400):
            try:
                async with client.get(f"{self.url}/healthz"):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
        raise SystemExit("a server did not come up")


async def load(client: aiohttp.ClientSession, server: Server, bodies: list[bytes]) -> tuple[float, float]:
    """Return requests a second and CPU microseconds a request, with 16 connections that never wait."""
    headers = {"Content-Type": "application/json"}
    end, count, cpu = time.monotonic() + SECONDS, 0, server.cpu()

    async def one(first: int) -> None:
        nonlocal count
        turn = first
        while time.monotonic() < end:
            async with client.post(
                f"{server.url}/webhooks/alertmanager", data=bodies[turn % len(bodies)], headers=headers
            ) as answer:
                if answer.status != 200:
                    raise SystemExit(f"{answer.status}: {await answer.text()}")
            turn += CONNECTIONS
            count += 1

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    return count / (time.monotonic() - began), (server.cpu() - cpu) / count * 1e6


def show(name: str, pairs: list[tuple[float, float]]) -> None:
    """Print the median of the ratios and their span."""
    ratios = [mine / bare for mine, bare in pairs]
    print(f"{name:44} {statistics.median(ratios):6.2f}  [{min(ratios):.2f}-{max(ratios):.2f}]")


async def main() -> None:
    """Run every case."""
    print(f"{'10,000 look-ups of a year / 10,000 additions':44} median  [span of {ROUNDS} rounds]")
    show("who is on call, a weekly rotation", oncall.pairs(oncall.PLAIN, ROUNDS))
    show("who is on call, nights and weekends over it", oncall.pairs(oncall.LAYERED, ROUNDS))
    with tempfile.TemporaryDirectory() as folder:
        servers = [
            Server([sys.executable, "-c", BARE, "{port}"], folder),
            Server([sys.executable, "-m", "receiver.cli", "serve", "--listen", "127.0.0.1:{port}"], folder),
        ]
        try:
            async with aiohttp.ClientSession() as client:
                for server in servers:
                    await server.ready(client)
                print(f"{'service / bare handler, 16 connections':44} median  [span of {ROUNDS} rounds]")
                for alerts in (1, 50):
                    again = [body(alerts, f"again{number}") for number in range(20)]
                    rates, costs = [], []
                    await load(client, servers[1], again)
                    for _ in range(ROUNDS):
                        bare, mine = await load(client, servers[0], again), await load(client, servers[1], again)
                        rates.append((mine[0], bare[0]))
                        costs.append((mine[1], bare[1]))
                    show(f"CPU of a duplicate of {alerts} alerts", costs)
                    show(f"requests a second, duplicates of {alerts} alerts", rates)
                    rates, costs = [], []
                    for turn in range(ROUNDS):
                        new = [
                            body(alerts, f"{alerts}-{turn}-{number}") for number in range(3000 if alerts == 1 else 600)
                        ]
                        bare, mine = await load(client, servers[0], new), await load(client, servers[1], new)
                        rates.append((mine[0], bare[0]))
                        costs.append((mine[1], bare[1]))
                    show(f"CPU of an opening of {alerts} alerts", costs)
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait(30)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--throttled", action="store_true", help="replicas that get a part of a core")
    which.add_argument("--growth", action="store_true", help="with 100 and 10,000 open incidents")
    which.add_argument("--soak", action="store_true", help="a steady load beside a busy loop")
    parser.add_argument("--minutes", type=float, help="of one throttled run (5), or of the soak (60)")
    parser.add_argument("--runs", type=int, default=1, help="of each throttled case")
    parser.add_argument("--share", type=float, help="that part of a core alone, at --rate; 1: not throttled")
    parser.add_argument("--severe-each", type=int, default=20, help="one throttled group of so many is SEV-1")
    parser.add_argument("--peers", type=int, default=1, choices=(1, 2), help="Alertmanagers that send each group")
    parser.add_argument("--period", type=float, default=0.1, help="seconds of one cycle of stopping and going on")
    parser.add_argument("--replicas", type=int, default=1, choices=(1, 2), help="two share a store of their own")
    parser.add_argument("--rate", type=float, help="groups a second: of --share (12), of the soak (3)")
    parser.add_argument("--large", action="store_true", help="with --growth: with 100,000 as well")
    parser.add_argument("--checkout", type=Path, help="with --growth: measure the service of this folder")
    found = parser.parse_args()
    if found.minutes is None:
        found.minutes = 60.0 if found.soak else 5.0
    if found.rate is None:
        found.rate = 3.0 if found.soak else 12.0
    return found


if __name__ == "__main__":
    asked = arguments()
    if asked.growth:
        where = asked.checkout.absolute() if asked.checkout else growth.HERE.parent
        asyncio.run(growth.main(large=asked.large, checkout=where))
        sys.exit()
    if asked.throttled:
        sys.exit(throttled.run(asked))
    if asked.soak:
        sys.exit(soak.run(asked))
    rules.main()
    asyncio.run(review.main([size // 5 for size in review.SIZES]))
    asyncio.run(main())
