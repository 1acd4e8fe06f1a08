"""`python -m bench --growth`: the cost of the service with 100, 10,000 and (`--large`) 100,000 open incidents.

The services run side by side, each on its own store, which was filled before the start. CPU includes service and store.
The stall is measured in the loop's own CPU time, and in wall-clock time, which other programs on the machine lengthen.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.open_incidents import put
from bench.reading import TICKS, body, free_port, resident
from receiver.store.embedded.embedded_store import EmbeddedStore

HERE = Path(__file__).parent
SIZES = (100, 10_000)
LARGE = 100_000
REST = 31.0
"""Seconds at rest, which include two checks of the auditor."""
ROUNDS = 3
OPENINGS = 150
"""New incidents in a round, one after another."""
LOADING = "/healthz while it reads them, ms, most"
ASKED = 10
PATHS = ("/healthz", "/", "/status", "/api/v1/incidents?queue=true", "/api/v1/incidents?open=true&limit=500")


@dataclass
class Sized:
    """A service on a store with a given number of open incidents."""

    size: int
    folder: Path
    checkout: Path
    figures: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    async def start(self, client: aiohttp.ClientSession) -> None:
        """Fill the store and start the service; returns once it knows every open incident."""
        self.client = client
        self.store = EmbeddedStore(self.folder / "store")
        await put(self.store.start(), self.size, older=self.checkout != HERE.parent)
        self.port, self.file = free_port(), self.folder / "stall"
        self.url = f"http://127.0.0.1:{self.port}"
        env = {**os.environ, "REDIS_URL": self.store.url, "RECEIVER_LOG_LEVEL": "error"}
        env["PYTHONPATH"] = str(self.checkout)
        began = time.monotonic()
        self._serve(env)
        self.figures["seconds until it answers"] = await self._until(lambda said: True, began)
        self.figures["seconds until all are known"] = await self._until(
            lambda said: said["mirror"].get("complete", True), began
        )
        self.figures["open by the gauge"] = await self.gauge()

    def _serve(self, env: dict[str, str]) -> None:
        command = [sys.executable, str(HERE / "watched_service.py"), str(self.file), "serve"]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)

    async def _until(self, holds, began: float) -> float:  # type: ignore[no-untyped-def]
        while time.monotonic() - began < 120:
            asked = time.monotonic()
            try:
                async with self.client.get(f"{self.url}/healthz") as answer:
                    said = await answer.json()
                self.figures[LOADING] = max(self.figures.get(LOADING, 0), (time.monotonic() - asked) * 1000)
                if holds(said):
                    return time.monotonic() - began
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)
        raise SystemExit("a service did not come up")

    async def gauge(self) -> float:
        """Return the number of open incidents according to the metrics."""
        async with self.client.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("receiver_incidents_open{"))

    def cpu(self, *, store: bool = True) -> float:
        """Return seconds of CPU so far."""
        pids = [self.process.pid, *([self.store.pid] if store and self.store.pid else [])]
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS

    async def rest(self) -> None:
        """Measure an idle service."""
        began, cpu = time.monotonic(), self.cpu(store=False)
        await asyncio.sleep(REST)
        self.figures["idle CPU, %"] = (self.cpu(store=False) - cpu) / (time.monotonic() - began) * 100
        # Watching the loop costs CPU itself, so it is measured separately.
        self.file.write_text("0 0")
        await asyncio.sleep(REST)
        clock, own = self.file.read_text().split()
        self.file.unlink()
        self.figures["longest stall at rest, ms of CPU"] = float(own)
        self.figures["longest stall at rest, ms on the clock"] = float(clock)
        self.figures["resident memory, MB"] = resident(self.process.pid)

    async def answers(self) -> None:
        """Measure how long each page takes; responses other than 200 are counted."""
        for path in PATHS:
            taken = []
            for _ in range(ASKED):
                began = time.monotonic()
                async with self.client.get(self.url + path) as answer:
                    await answer.read()
                self.refused += answer.status != 200
                taken.append((time.monotonic() - began) * 1000)
            self.figures[f"{path}, ms, median"] = statistics.median(taken)
            self.figures[f"{path}, ms, most"] = max(taken)

    async def open(self, turn: int) -> float:
        """Open incidents one after another, and return the CPU of one in microseconds."""
        cpu, taken = self.cpu(), []
        for number in range(OPENINGS):
            began = time.monotonic()
            content = body(1, f"{turn}-{number}").replace(b"7.3%", b"1.2%")
            async with self.client.post(f"{self.url}/webhooks/alertmanager", data=content) as answer:
                await answer.read()
            self.refused += answer.status != 200
            taken.append((time.monotonic() - began) * 1000)
        name = "webhook that opens, ms, most"
        self.figures[name] = max(self.figures.get(name, 0), *taken)
        return (self.cpu() - cpu) / OPENINGS * 1e6

    def stop(self) -> None:
        """End the service and its store."""
        if hasattr(self, "process"):
            self.process.terminate()
            self.process.wait(30)
        self.store.stop()


async def main(*, large: bool = False, checkout: Path = HERE.parent) -> None:
    """Run every case and print one column per size. `checkout`: the folder of the measured service, if not this one."""
    sizes = (*SIZES, *([LARGE] if large else []))
    with tempfile.TemporaryDirectory() as folder:
        sized = [Sized(size, Path(folder) / str(size), checkout) for size in sizes]
        for one in sized:
            one.folder.mkdir()
        headers = {"Content-Type": "application/json"}
        try:
            async with aiohttp.ClientSession(headers=headers) as client:
                for one in sized:
                    await one.start(client)
                await asyncio.gather(*(one.rest() for one in sized))
                for one in sized:
                    await one.answers()
                costs: dict[int, list[float]] = {one.size: [] for one in sized}
                for turn in range(ROUNDS + 1):
                    for one in sized:
                        cost = await one.open(turn)
                        if turn:  # the first round warms up
                            costs[one.size].append(cost)
        finally:
            for one in sized:
                one.stop()
    print(f"{'open incidents':44}" + "".join(f"{one.size:>10,}" for one in sized))
    for name in sized[0].figures:
        print(f"{name:44}" + "".join(f"{one.figures[name]:>10.1f}" for one in sized))
    print(f"{'answers that were refused':44}" + "".join(f"{one.refused:>10}" for one in sized))
    print(f"{'CPU of an opening, us':44}" + "".join(f"{statistics.median(costs[one.size]):>10.0f}" for one in sized))
    for one in sized[1:]:
        ratios = [mine / least for mine, least in zip(costs[one.size], costs[sized[0].size], strict=True)]
        name = f"CPU of an opening, {one.size:,} / {sized[0].size:,}"
        print(f"{name:44} {statistics.median(ratios):6.2f}  [{min(ratios):.2f}-{max(ratios):.2f}]")
