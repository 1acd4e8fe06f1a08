"""Expensive work has limited threads and a limited queue; incomplete unsigned bodies yield to complete ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from receiver.web.http.error_responses import Refusal
from receiver.web.http.thread_offload import Offload
from receiver.web.webhooks.unsigned_bodies import FROM_ONE_PEER, UnsignedBodies
from tests.faults.waiting import until


async def test_what_has_no_room_is_refused_and_the_rest_is_done_in_turn() -> None:
    threads, gate, running = Offload("test", at_once=2, waiting=1, wait=30), threading.Event(), []

    def work() -> int:
        running.append(threading.current_thread().name)
        gate.wait(10)
        return len(running)

    tasks = [asyncio.create_task(threads.run(work)) for _ in range(3)]
    await until(lambda: len(running) == 2, "two at once")
    with pytest.raises(Refusal) as refused:
        await threads.run(work)
    assert (refused.value.status, refused.value.reason) == (503, "overloaded")
    assert len(running) == 2
    gate.set()
    assert sorted(await asyncio.gather(*tasks))[-1] == 3
    assert {name.partition("_")[0] for name in running} == {"test"}


async def test_who_waits_too_long_is_refused_and_takes_no_place() -> None:
    threads, gate = Offload("test", at_once=1, waiting=5, wait=0.05), threading.Event()
    first = asyncio.create_task(threads.run(lambda: gate.wait(10)))
    await asyncio.sleep(0)
    with pytest.raises(Refusal):
        await threads.run(lambda: None)
    gate.set()
    await first
    assert await threads.run(lambda: "done") == "done"


async def test_what_fails_in_a_thread_fails_here_and_frees_its_place() -> None:
    threads = Offload("test", at_once=1, waiting=5, wait=5)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)


async def test_the_oldest_body_of_a_peer_gives_way() -> None:
    bodies = UnsignedBodies(lambda: ())
    begun: list[str] = []

    async def take(request: web.Request) -> web.Response:
        begun.append(request.path)
        try:
            return web.Response(body=await bodies.read(request, 1000))
        except Refusal as refusal:
            return web.Response(status=refusal.status, text=refusal.reason)

    app = web.Application()
    app.router.add_post("/{n}", take)
    go = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await go.wait()
        yield b"y"

    async with TestClient(TestServer(app)) as client:

        async def post(number: int) -> tuple[int, str]:
            async with client.post(f"/{number}", data=body()) as answer:
                return answer.status, await answer.text()

        tasks = []
        for number in range(FROM_ONE_PEER + 1):
            tasks.append(asyncio.create_task(post(number)))
            await until(partial(begun.__contains__, f"/{number}"), "an incomplete body")
        assert await tasks[0] == (408, "crowded_out")
        async with client.post("/whole", data=b"whole") as answer:
            assert (answer.status, await answer.text()) == (200, "whole")
        go.set()
        done = await asyncio.gather(*tasks[2:])
    assert set(done) == {(200, "xy")}
    assert bodies._reading == {}
