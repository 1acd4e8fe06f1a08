"""`python -m bench --console`: the cost of console pages with a long history, and the delay of changes for listeners.

The store has 10,000 finished incidents. Each page is requested in turn on one connection; the figures are the median
time from the request to the last byte, and the CPU of the service and its store for one request, which other programs
on the machine do not affect. Then 1,000 listeners of `/console/events` on the same replica wait for changes; the figure
is the time until the last one has received a change, on an idle replica, and on one that accepts notifications and
serves pages meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bench.growth import Sized
from bench.reading import body

HISTORY, ASKED, WARM, AT_ONCE = 10_000, 60, 5, 16
SETTLE, IDLE = 120, 0.05
"""Maximum number of seconds to wait until service and store use less than this CPU in a second."""
LISTENERS, CHANGES = 1000, 5
BESIDE = {"repeated": 50.0, "opened": 2.0, "pages": 5.0}
"""Repeated notifications, new incidents (each is a change for every listener) and pages, per second."""
PAGE_MS, HEARD_S = 20.0, 1.0
"""Goals: the median of a page, and the time until the last listener has received a change."""
INCIDENT = "/incidents/INC-{year}-5000"
PATHS = (
    "/", "/?q=payments", "/?open=false", INCIDENT, f"{INCIDENT}/timeline", "/oncall", "/console/status", "/system",
    "/reports", "/reports/{month}",
)  # fmt: skip


class Overloaded(Exception):
    """The service refused a notification, which must be sent again."""


class Listener(asyncio.Protocol):
    """One stream of events, which records when each change arrives."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard: dict[str, float] = {}
        """When it first received each incident."""
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request the stream."""
        self.transport = transport
        head = f"GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAccept: text/event-stream\r\n\r\n"
        transport.write(head.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Record what arrived."""
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        if b": listening" in whole and not self.ready.done():
            self.ready.set_result(None)
        now = time.monotonic()
        for line in whole.split(b"\n"):
            if line.startswith(b"data: INC"):
                self.heard.setdefault(line[6:].strip().decode(), now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if it ends before it has begun."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the stream was refused"))


async def _resolve(client: aiohttp.ClientSession, url: str) -> None:
    # People's commands finish all open incidents.
    async def some(numbers: list[int]) -> None:
        for number in numbers:
            path = f"{url}/api/v1/incidents/INC-{datetime.now(UTC):%Y}-{number:04d}/resolve"
            async with client.post(path, json={}) as answer:
                if answer.status != 200:
                    raise RuntimeError(await answer.text())

    numbers = list(range(1, HISTORY + 1))
    async with asyncio.TaskGroup() as group:
        for first in range(AT_ONCE):
            group.create_task(some(numbers[first::AT_ONCE]))


async def _settled(service: Sized) -> None:
    """Wait until the service has indexed what was resolved: that work is not the cost of a page."""
    for _ in range(SETTLE):
        before = service.cpu()
        await asyncio.sleep(1)
        if service.cpu() - before < IDLE:
            return


async def _pages(client: aiohttp.ClientSession, service: Sized) -> dict[str, float]:
    now, figures = datetime.now(UTC), {}
    for path in PATHS:
        where = path.format(year=now.year, month=f"{now:%Y-%m}")
        took, before = [], 0.0
        for number in range(ASKED + WARM):
            before = service.cpu() if number == WARM else before
            began = time.monotonic()
            async with client.get(service.url + where, headers={"Accept": "text/html"}) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{where}: {answer.status}")
            if number >= WARM:
                took.append((time.monotonic() - began) * 1000)
        cost = (service.cpu() - before) * 1000 / ASKED
        figures[f"{path}, ms"] = statistics.median(took)
        figures[f"{path}, CPU ms"] = cost
        print(f"{path:34} {statistics.median(took):7.1f} ms   CPU {cost:5.1f} ms")
    return figures


async def _streams(client: aiohttp.ClientSession, service: Sized) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    listeners = [
        (await loop.create_connection(lambda: Listener(service.port), "127.0.0.1", service.port))[1]
        for _ in range(LISTENERS)
    ]
    await asyncio.gather(*(one.ready for one in listeners))
    figures = await _changes(client, service, listeners, "")
    async with _busy(client, service):
        await asyncio.sleep(2)
        figures |= await _changes(client, service, listeners, " while busy")
    for one in listeners:
        one.transport.close()
    return figures


async def _changes(
    client: aiohttp.ClientSession, service: Sized, listeners: Sequence[Listener], how: str
) -> dict[str, float]:
    last, middle = [], []
    for number in range(CHANGES):
        began = time.monotonic()
        incident = await _taken(client, service, f"sse{how.replace(' ', '-')}-{number}")
        while not all(incident in one.heard for one in listeners):
            if time.monotonic() - began > 30:
                raise RuntimeError(f"{sum(incident not in one.heard for one in listeners)} listeners heard nothing")
            await asyncio.sleep(0.005)
        heard = sorted(one.heard[incident] - began for one in listeners)
        last.append(heard[-1])
        middle.append(statistics.median(heard))
        await asyncio.sleep(0.5)
    figures = {f"median listener{how}, s": statistics.median(middle), f"last listener{how}, s, most": max(last)}
    print(f"{LISTENERS} listeners{how}: median {statistics.median(middle):.3f} s, last {max(last):.3f} s")
    return figures


async def _taken(client: aiohttp.ClientSession, service: Sized, group: str) -> str:
    while True:
        with suppress(Overloaded):
            return await _post(client, service, group)


async def _post(client: aiohttp.ClientSession, service: Sized, group: str) -> str:
    async with client.post(f"{service.url}/webhooks/alertmanager", data=body(1, group),
                           headers={"Content-Type": "application/json"}) as answer:  # fmt: skip
        said = await answer.json()
        if answer.status == 503:
            raise Overloaded(str(said))
        if answer.status != 200:
            raise RuntimeError(str(said))
        return str(said["incident"])


@asynccontextmanager
async def _busy(client: aiohttp.ClientSession, service: Sized) -> AsyncIterator[None]:
    """Repeat notifications, open incidents and request pages, at the rates in `BESIDE`."""
    count = itertools.count()

    async def page() -> None:
        async with client.get(f"{service.url}/", headers={"Accept": "text/html"}) as answer:
            await answer.read()

    work: dict[str, Callable[[], Awaitable[object]]] = {
        "repeated": lambda: _post(client, service, "busy"), "opened": lambda: _post(client, service, f"b{next(count)}"),
        "pages": page,
    }  # fmt: skip

    async def often(act: Callable[[], Awaitable[object]], a_second: float) -> None:
        while True:
            began = time.monotonic()
            # A notification refused as overloaded is sent again, as Alertmanager does.
            with suppress(Overloaded):
                await act()
            await asyncio.sleep(max(0.0, 1 / a_second - (time.monotonic() - began)))

    tasks = [asyncio.create_task(often(work[name], a_second)) for name, a_second in BESIDE.items()]
    try:
        yield
        if failed := next((one for one in tasks if one.done()), None):
            failed.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main(checkout: Path) -> Mapping[str, float]:
    """Measure, print and return the figures."""
    load = os.getloadavg()[0]
    print(f"load of the machine before: {load:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        service = Sized(HISTORY, Path(folder), checkout)
        limit = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=limit, timeout=aiohttp.ClientTimeout(120)) as client:
            try:
                await service.start(client)
                await _resolve(client, service.url)
                await _settled(service)
                figures = {"load": load, **await _pages(client, service), **await _streams(client, service)}
            finally:
                service.stop()
    return figures


def met(figures: Mapping[str, float]) -> bool:
    """Return whether every goal was met; pages by CPU, because time depends on other programs on the machine."""
    pages = [ms for name, ms in figures.items() if name.endswith(", CPU ms")]
    heard = [seconds for name, seconds in figures.items() if name.startswith("last listener")]
    return max(pages) < PAGE_MS and max(heard) < HEARD_S
