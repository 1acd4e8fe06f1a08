"""The CPU cost of a webhook for the service and its store, compared with a handler that only reads the body.

Each round measures both one after the other, so that a busy machine affects both; a row has the median of the rounds'
ratios and its goal. CPU includes the service, all its threads and its store; the token is checked, the log level is
info, and the embedded store syncs each write.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench import servers
from bench.reading import body, resident
from bench.servers import TOKEN, Server

ROUNDS = 3
SECONDS = 2.0
CONNECTIONS = 16
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}

Bodies = Callable[[int], bytes]
"""The body of the n-th request of a round."""


@dataclass
class Row:
    """One line of the table."""

    name: str
    goal: float | None
    """The goal for the ratio; None: it is only shown."""
    ratios: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    """CPU microseconds of a request."""
    stored: list[float] = field(default_factory=list)
    """The store's part of these."""
    peers: list[float] = field(default_factory=list)
    """CPU microseconds of Alertmanager for the same alerts, if requested."""

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.goal is None or statistics.median(self.ratios) <= self.goal


@dataclass(frozen=True)
class Case:
    """One kind of request. `bodies(round)` gives the requests of a round; `before` are sent once and not measured."""

    name: str
    goal: float | None
    bodies: Callable[[int], Bodies]
    before: Callable[[int], Sequence[bytes]] = lambda turn: ()
    pages: bool = False
    """Whether the cost of a request includes the delivery of its page."""


def _varied(number: int) -> bytes:
    # The same alert as sent by two Alertmanagers: different bytes with the same content.
    alert = json.loads(body(1, "varied"))
    alert["externalURL"] = f"http://alertmanager-{number % 1000}:9093"
    items = list(alert.items())
    return json.dumps(dict(items[number % 7 :] + items[: number % 7]), indent=number % 3 or None).encode()


def _one(raw: bytes) -> Callable[[int], Bodies]:
    return lambda turn: lambda number: raw


def _new(alerts: int, salt: str, kind: str = "warning") -> Callable[[int], Bodies]:
    return lambda turn: lambda number: body(alerts, f"{salt}-{turn}-{number}", kind)


_GROUPS = [body(1, f"turn{number}") for number in range(5000)]

CASES = (
    Case("1 alert, repeated", 2.9, _one(body(1, "again")), lambda turn: [body(1, "again")]),
    Case("50 alerts, repeated", 2.5, _one(body(50, "again50")), lambda turn: [body(50, "again50")]),
    Case("1 alert, repeated in other bytes", None, lambda turn: _varied, lambda turn: [_varied(0)]),
    Case("1 alert, 5,000 groups in turn", None, lambda turn: lambda number: _GROUPS[number % 5000],
         lambda turn: [] if turn else _GROUPS),
    Case("1 alert, new incident, no page", 26.5, _new(1, "new")),
    Case("50 alerts, new incident, no page", 30.0, _new(50, "new50")),
    Case("1 alert, SEV-1, its page delivered", 50.0, _new(1, "page", "critical"), pages=True),
    Case("1 more alert in an open group", 25.7,
         lambda turn: lambda number: body(1, f"grow-{turn}-{number % 200}", first=1 + number // 200),
         lambda turn: [body(1, f"grow-{turn}-{number}") for number in range(200)]),
)  # fmt: skip
"""The goals, relative to the CPU of the bare handler for the same bodies."""


def _as_prometheus(bodies: Bodies) -> Bodies:
    # The same alerts in the form in which Prometheus posts them to Alertmanager.
    names = ("labels", "annotations", "startsAt", "generatorURL")

    def made(number: int) -> bytes:
        alerts = json.loads(bodies(number))["alerts"]
        return json.dumps([{name: alert[name] for name in names} for alert in alerts]).encode()

    return made


async def load(
    client: aiohttp.ClientSession,
    server: Server,
    bodies: Bodies,
    seconds: float,
    path: str = "/webhooks/alertmanager",
) -> tuple[int, float]:
    """Return the number of requests answered with 200 and their CPU in seconds, on connections that never wait."""
    end, cpu = time.monotonic() + seconds, server.cpu()
    numbers: Iterator[int] = iter(range(10**9))
    count = 0

    async def one() -> None:
        nonlocal count
        while time.monotonic() < end:
            url = f"{server.url}{path}"
            async with client.post(url, data=bodies(next(numbers)), headers=HEADERS) as answer:
                if answer.status != 200:
                    raise SystemExit(f"{answer.status}: {await answer.text()}")
                await answer.read()
            count += 1

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return count, server.cpu() - cpu


async def send(client: aiohttp.ClientSession, server: Server, bodies: Sequence[bytes]) -> None:
    """Send requests that are not measured."""
    for first in range(0, len(bodies), CONNECTIONS):
        await asyncio.gather(*(_post(client, server, raw) for raw in bodies[first : first + CONNECTIONS]))


async def _post(client: aiohttp.ClientSession, server: Server, raw: bytes) -> None:
    async with client.post(f"{server.url}/webhooks/alertmanager", data=raw, headers=HEADERS) as answer:
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {await answer.text()}")


async def triggered(client: aiohttp.ClientSession, vendor: Server) -> int:
    """Return the number of pages at the vendor."""
    async with client.get(vendor.url) as answer:
        return int(await answer.json())


async def measure(
    client: aiohttp.ClientSession, case: Case, bare: Server, mine: Server, vendor: Server, peer: Server | None
) -> Row:
    """Return the row of a case."""
    row = Row(case.name, case.goal)
    for turn in range(ROUNDS):
        await send(client, mine, case.before(turn))
        bodies = case.bodies(turn)
        asked, cost = await load(client, bare, bodies, SECONDS / 2)
        if peer is not None:
            put, used = await load(client, peer, _as_prometheus(bodies), SECONDS / 2, "/api/v2/alerts")
            row.peers.append(used / put * 1e6)
        before, stored, pages = mine.cpu(), mine.children_cpu(), await triggered(client, vendor)
        count, took = await load(client, mine, bodies, SECONDS)
        if case.pages:
            while await triggered(client, vendor) < pages + count:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            took = mine.cpu() - before
        row.costs.append(took / count * 1e6)
        row.stored.append((mine.children_cpu() - stored) / count * 1e6)
        row.ratios.append((took / count) / (cost / asked))
    return row


async def main(checkout: Path, *, peers: bool = False, profile: Path | None = None) -> list[Row]:
    """Measure every case, print the table, and return its rows.

    `peers`: with Alertmanager beside it; `profile`: the file for a flame graph of the service.
    """
    print(f"{'CPU of a request / of a bare handler':40} median  [span of {ROUNDS}]      goal      us", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = [servers.bare(folder), servers.vendor(folder)]
        await _compiled(folder, checkout, started[1].port)
        started.append(servers.service(folder, checkout, started[1].port))
        bare, vendor, mine = started
        peer = servers.alertmanager(folder) if peers else None
        if peers and peer is None:
            raise SystemExit("--peers alertmanager: prometheus-alertmanager is not installed")
        started += [peer] if peer is not None else []
        profiler = _profiler(profile, mine) if profile is not None else None
        try:
            async with aiohttp.ClientSession() as client:
                up = [await server.ready(client) for server in (bare, vendor, mine)]
                if peer is not None:
                    await peer.ready(client, "/-/ready")
                await asyncio.sleep(1)
                row = Row("memory at rest in MB", 85.0, [resident(mine.process.pid)])
                show(row)
                rows.append(row)
                for case in CASES:
                    rows.append(await measure(client, case, bare, mine, vendor, peer))
                    show(rows[-1])
                rows.append(await start(client, folder, checkout, vendor, up[0]))
                show(rows[-1])
        finally:
            for server in started:
                server.end()
            if profiler is not None:
                profiler.wait(60)
    replicas(rows)
    return rows


async def _compiled(folder: Path, checkout: Path, vendor_port: int) -> None:
    # The first start compiles every module, including dependencies, and keeps 16 MB that the compiler used.
    own = folder / "compiled"
    own.mkdir()
    server = servers.service(own, checkout, vendor_port)
    try:
        async with aiohttp.ClientSession() as client:
            await server.ready(client)
    finally:
        server.end()


def _profiler(file: Path, server: Server) -> subprocess.Popen[bytes]:
    # It samples until the service ends, and then writes the file.
    program = shutil.which("py-spy")
    if program is None:
        raise SystemExit("--profile: py-spy is not installed (pip install py-spy)")
    command = [program, "record", "--rate", "200", "--output", str(file.absolute()), "--pid", str(server.process.pid)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def replicas(rows: Sequence[Row]) -> None:
    """Print how many requests per second replicas with one core each accept, computed from the CPU of a request.

    Each replica adds its own core; the store, which has one thread, limits all of them.
    """
    print(f"\n{'requests a second, COMPUTED':40} {'1 replica':>10} {'2':>10} {'4':>10} {'store at most':>14}")
    for row in rows:
        if row.stored:
            cost, store = statistics.median(row.costs), max(statistics.median(row.stored), 1.0)
            one, most = 1e6 / max(cost - store, 1.0), 1e6 / store
            print(f"{row.name:40} " + " ".join(f"{min(count * one, most):10.0f}" for count in (1, 2, 4)), end="")
            print(f" {most:14.0f}")


async def start(client: aiohttp.ClientSession, folder: Path, checkout: Path, vendor: Server, first: float) -> Row:
    """Return the row of the start: the time until /healthz answers, with an empty data folder."""
    row = Row("start until /healthz / of a bare handler", 4.5)
    for turn in range(ROUNDS):
        own = folder / f"start{turn}"
        own.mkdir()
        took = []
        for make in (servers.bare, lambda where: servers.service(where, checkout, vendor.port)):
            server = make(own)
            try:
                took.append(await server.ready(client))
            finally:
                server.end()
        row.ratios.append(took[1] / took[0])
    return row


def show(row: Row) -> None:
    """Print a row."""
    span = f"[{min(row.ratios):.2f}-{max(row.ratios):.2f}]"
    goal = "" if row.goal is None else f"<= {row.goal:g}{'' if row.met else '  missed'}"
    cost = f"{statistics.median(row.costs):8.0f}" if row.costs else ""
    peer = f"   Alertmanager {statistics.median(row.peers):.0f} us" if row.peers else ""
    print(f"{row.name:40} {statistics.median(row.ratios):6.2f}  {span:16} {goal:15} {cost}{peer}", flush=True)
