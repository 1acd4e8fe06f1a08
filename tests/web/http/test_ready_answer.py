"""A response that is written unchanged: its bytes are those that aiohttp would write, and the deadline applies."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from receiver.metrics import Metrics
from receiver.web.http import server
from receiver.web.http.error_responses import answer, harden
from receiver.web.http.file_descriptors import Caps
from receiver.web.http.parser_rejections import Rejections
from receiver.web.http.ready_answer import ReadyAnswer
from receiver.web.http.runner import Runner
from receiver.web.http.server import Listener, takes_ready
from receiver.web.routes import build
from tests.faults.waiting import until
from tests.stories.world import alert, notification
from tests.web.conftest import PATH, House

VALUE = {"incident": "INC-2026-0001", "severity": "SEV-1", "outcome": "duplicate", "reason": "duplicate"}


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[tuple[int, Listener, Metrics]]:
    metrics = Metrics()
    listener = Listener("main", Caps(4, 3, 10), Rejections(metrics), metrics, lambda: ())
    runner = Runner(app, listener, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], listener, metrics
    finally:
        await runner.cleanup()


def app_of(value: object) -> web.Application:
    ready = ReadyAnswer(value)

    async def usual(_: web.Request) -> web.StreamResponse:
        return answer(value)

    async def prepared(request: web.Request) -> web.StreamResponse:
        return ready if takes_ready(request) else answer({"usual": True})

    app = web.Application()
    app.on_response_prepare.append(harden)
    app.router.add_get("/usual", usual)
    app.router.add_get("/ready", prepared)
    return app


async def read(reader: asyncio.StreamReader) -> tuple[list[bytes], bytes]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).split(b"\r\n")
    (length,) = [int(line.partition(b":")[2]) for line in head if line.lower().startswith(b"content-length:")]
    return sorted(line for line in head if line and not line.startswith(b"Date:")), await reader.readexactly(length)


async def test_it_is_the_answer_that_aiohttp_writes_and_the_connection_is_kept() -> None:
    async with listening(app_of(VALUE)) as (port, listener, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        for path in ("usual", "ready", "ready", "usual"):
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answers.append(await read(reader))
        writer.write(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        answers += [await read(reader) for _ in range(3)]
        assert answers == answers[:1] * 7
        assert len(listener.table) == 1
        writer.close()


@pytest.mark.parametrize("head", ["GET /ready HTTP/1.0", "GET /ready HTTP/1.1\r\nConnection: close"])
async def test_a_connection_that_ends_gets_the_usual_answer(head: str) -> None:
    async with listening(app_of(VALUE)) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}\r\nHost: x\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b'{"usual":true}')
        writer.close()


async def test_a_reader_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "WRITE_LIMIT", 0.1)
    async with listening(app_of("x" * 20_000_000)) as (port, listener, metrics):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        labels = {"listener": "main", "reason": "unread"}
        value = metrics.registry.get_sample_value
        await until(lambda: value("receiver_connections_cut_off_total", labels) == 1, "the connection to be closed", 10)
        await until(lambda: len(listener.table) == 0, "the connection to be removed", 10)
        writer.close()


async def test_a_repetition_is_answered_with_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    body, written = notification(alert("ApiDown"), group="down"), []
    before = ReadyAnswer.written
    monkeypatch.setattr(ReadyAnswer, "written", lambda self: written.append(self.value) or before(self))
    async with listening(build(house.parts)) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += "Authorization: Bearer am-token"
        answers = []
        for _ in range(3):
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            answers.append(await read(reader))
        writer.close()
    assert b'"opened"' in answers[0][1]
    assert [said for _, said in answers[1:]] == written
    assert [line for line in answers[1][0] if not line.startswith(b"Content-Length")] == [
        line for line in answers[0][0] if not line.startswith(b"Content-Length")
    ]


def test_it_takes_no_more_memory_than_its_bytes() -> None:
    tracemalloc.start()
    try:
        kept = [ReadyAnswer(VALUE) for _ in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(kept) < len(kept[0].value) + 500
