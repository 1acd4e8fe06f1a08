"""Virtual time jumps, waits for external responses, and stops for a stopped or throttled part."""

from __future__ import annotations

import asyncio
import contextvars
import random
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest

from tests.faults.waiting import until
from tests.simulation import virtual_loop
from tests.simulation.store_faults import StorePath
from tests.simulation.virtual_loop import PART, VirtualLoop


def play(story: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        runner.run(story(loop))


def start(part: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    context = contextvars.copy_context()
    context.run(PART.set, part)

    async def run() -> None:
        await work()

    return asyncio.get_running_loop().create_task(run(), context=context)


def test_an_hour_passes_at_once_and_in_order() -> None:
    async def story(loop: VirtualLoop) -> None:
        seen: list[float] = []

        async def wait(seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append(loop.time())

        began = time.monotonic()
        await asyncio.gather(wait(3600), wait(1), wait(60))
        assert seen == [1, 60, 3600]
        assert time.monotonic() - began < 10

    play(story)


def test_a_thread_is_waited_for_and_takes_no_time() -> None:
    async def story(loop: VirtualLoop) -> None:
        await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.2), 0.001)
        assert loop.time() < 0.001

    play(story)


@pytest.mark.parametrize("readable", [False, True])
def test_an_answer_that_never_comes_does_not_stop_time(monkeypatch: pytest.MonkeyPatch, readable: bool) -> None:
    monkeypatch.setattr(virtual_loop, "LIMIT", 0.5)

    async def story(loop: VirtualLoop) -> None:
        near, far = socket.socketpair()
        with near, far:

            async def listen() -> None:
                loop.add_reader(near, near.recv, 10)

            await start("a", listen)
            loop.stop_part("a")
            if readable:
                far.send(b"x")  # for a stopped part: readable in each poll
            loop.outside += 1
            loop.call_at(5, lambda: setattr(loop, "outside", 0))
            await asyncio.sleep(6)
            assert loop.time() == 6
            loop.remove_reader(near)

    play(story)


async def test_the_store_owes_no_answer_to_half_a_command(valkey: str, tmp_path: Path) -> None:
    class Counted:
        outside = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio.get_running_loop(), name)

    loop = Counted()
    path = StorePath(cast(VirtualLoop, loop), tmp_path, "a", unquote(valkey.removeprefix("unix://")), random.Random(1))
    await path.open()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "a"))
    writer.write(b"*1\r\n$4\r\nPI")
    await until(lambda: any(pair.commands.has_data() for pair in path._pairs), "half a command")
    assert loop.outside == 0
    writer.write(b"NG\r\n")
    assert await reader.readexactly(7) == b"+PONG\r\n"
    assert loop.outside == 0
    writer.write(b"*1\r\n$4\r\nPI")
    writer.close()
    await until(lambda: not path._pairs, "the connection to close, although half a command was sent")
    await path.close()


@pytest.mark.parametrize("much", [0.0, 0.01])
def test_a_stopped_part_waits_and_finds_its_deadlines_over(much: float) -> None:
    async def story(loop: VirtualLoop) -> None:
        ticks: dict[str, list[float]] = {"a": [], "b": []}

        def ticking(part: str) -> Callable[[], Awaitable[None]]:
            async def tick() -> None:
                for _ in range(10):
                    await asyncio.sleep(1)
                    ticks[part].append(loop.time())

            return tick

        loop.throttle("a", much)
        tasks = [start(part, ticking(part)) for part in ticks]
        loop.call_at(2.5, loop.stop_part, "a")
        loop.call_at(7.25, loop.go_on, "a")
        await asyncio.gather(*tasks)
        assert ticks["b"] == [float(second) for second in range(1, 11)]
        assert [round(at) for at in ticks["a"]] == [1, 2, 7, 8, 9, 10, 11, 12, 13, 14]

    play(story)


def test_each_callback_of_a_throttled_part_takes_time() -> None:
    async def story(loop: VirtualLoop) -> None:
        async def work() -> None:
            for _ in range(100):
                await asyncio.sleep(0)

        loop.throttle("a", 0.01)
        await start("b", work)
        assert loop.time() == 0
        await start("a", work)
        assert 0.9 < loop.time() < 1.2

    play(story)


def test_a_socket_of_a_stopped_part_is_read_once_it_goes_on() -> None:
    async def story(loop: VirtualLoop) -> None:
        heard: list[tuple[float, bytes]] = []

        async def listen() -> None:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                heard.append((loop.time(), await reader.readexactly(2)))
                writer.close()

            servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))

        servers: list[asyncio.Server] = []
        await start("a", listen)
        loop.stop_part("a")
        loop.call_at(30, loop.go_on, "a")
        port = servers[0].sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hi")
        await asyncio.sleep(40)
        writer.close()
        servers[0].close()
        await servers[0].wait_closed()
        assert heard == [(30, b"hi")]

    play(story)
