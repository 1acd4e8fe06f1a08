"""The server below the application: deadlines, internal errors, and connections that are closed to make room."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvloop
from aiohttp import web
from structlog.testing import capture_logs

from receiver.metrics import Metrics
from receiver.web.auth.connection_trust import mark_streaming, mark_trusted
from receiver.web.http import server
from receiver.web.http.file_descriptors import Caps
from receiver.web.http.parser_rejections import LINES, Rejections
from receiver.web.http.runner import ACCEPTS, Runner, same_sockets
from receiver.web.http.server import Listener
from tests.faults.waiting import until


@dataclass
class Served:
    """An application without middleware on our server."""

    port: int
    listener: Listener
    metrics: Metrics

    async def ask(self, raw: bytes) -> bytes:
        """Return the response until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    def cut_off(self, reason: str) -> float:
        """Return the number of connections that were closed for `reason`."""
        labels = {"listener": "main", "reason": reason}
        return self.metrics.registry.get_sample_value("receiver_connections_cut_off_total", labels) or 0.0


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server with at most four connections."""

    async def fail(_: web.Request) -> web.Response:
        raise ValueError("a secret")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(20_000_000))

    async def small(_: web.Request) -> web.Response:
        return web.Response(text="small")

    async def stream(request: web.Request) -> web.Response:
        mark_streaming(request)
        mark_trusted(request, sender=False)
        return web.Response(text=str(listener.table.streams))

    app, metrics = web.Application(), Metrics()
    app.router.add_get("/stream", stream)
    app.router.add_get("/fail", fail)
    app.router.add_get("/large", large)
    app.router.add_get("/small", small)
    listener = Listener("main", Caps(4, 3, 10), Rejections(metrics), metrics, lambda: ())
    runner = Runner(app, listener, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Served(runner.addresses[0][1], listener, metrics)
    finally:
        await runner.cleanup()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


async def test_a_failure_of_ours_is_no_fault_of_the_sender(served: Served) -> None:
    head, _, body = (await served.ask(get("/fail"))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 Internal Server Error")
    assert json.loads(body)["status"] == 500
    assert b"secret" not in body
    assert b"small" in await served.ask(get("/small"))


async def test_a_stream_whose_token_is_checked_again_is_still_a_stream(served: Served) -> None:
    assert (await served.ask(get("/stream"))).endswith(b"\r\n\r\n1")
    assert served.listener.table.streams == 0, "it is over"


async def test_an_answer_has_a_deadline(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "WRITE_LIMIT", 0.1)
    monkeypatch.setattr(server, "SLOWEST", 10**9)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    writer.write(get("/large"))
    await until(lambda: served.cut_off("unread") == 1, "a closed connection", 10)
    await until(lambda: len(served.listener.table) == 0, "the connection to be removed", 10)
    writer.close()
    del reader


async def test_a_large_answer_that_is_read_arrives_whole(served: Served) -> None:
    assert len(await served.ask(get("/large"))) > 20_000_000
    assert served.cut_off("unread") == 0


async def test_the_oldest_connection_gives_way_to_a_new_one(served: Served) -> None:
    made = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(7)]
    try:
        await until(lambda: served.cut_off("crowded") >= 4, "connections above one peer's cap to be closed")
        assert len(served.listener.table) == 3
        assert b"small" in await served.ask(get("/small"))
    finally:
        for one in made:
            one.close()


async def test_a_path_of_many_parts_is_refused_before_a_route_is_looked_for(served: Served) -> None:
    assert (await served.ask(get("/" * 100))).startswith(b"HTTP/1.1 400 ")


async def test_rejections_are_logged_within_limits_and_counted(served: Served) -> None:
    with capture_logs() as said:
        for _ in range(LINES + 5):
            assert (await served.ask(b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        served.listener.rejections._end_window()
    lines = [line for line in said if line["event"] == "request_rejected"]
    assert len(lines) == LINES + 1
    assert lines[-1]["count"] == 5


def test_a_turn_of_a_busy_loop_accepts_several_connections() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:  # the event loop that the service uses
        loop.run(_accepting())


async def _accepting() -> None:
    app, metrics = web.Application(), Metrics()
    listener = Listener("main", Caps(100, 100, 100), Rejections(metrics), metrics, lambda: ())
    runner = Runner(app, listener, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for again in same_sockets(runner):
        await web.SockSite(runner, again).start()
    address = runner.addresses[0]
    made = [socket.create_connection(address) for _ in range(40)]
    turns = 0
    try:
        while len(listener.table) < len(made):
            await asyncio.sleep(0)
            turns += 1
        assert turns <= len(made) // ACCEPTS + 5
    finally:
        for one in made:
            one.close()
        await runner.cleanup()
    with pytest.raises(ConnectionError):
        socket.create_connection(address)
