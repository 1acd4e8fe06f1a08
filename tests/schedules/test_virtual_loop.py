"""Virtual time: it jumps, waits for what is outside, and stands still for a part that is stopped or throttled."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from tests.schedules import virtual_loop
from tests.schedules.virtual_loop import PART, VirtualLoop


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


def test_half_a_command_of_a_stopped_part_does_not_stop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_loop, "LOOKS", 2)

    async def story(loop: VirtualLoop) -> None:
        loop.outside += 1  # the store waits for the rest, which the part sends once it goes on
        loop.call_at(5, lambda: setattr(loop, "outside", 0))
        await asyncio.sleep(6)
        assert loop.time() == 6

    play(story)


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
