"""Deadlines count only the time in which this process ran."""

from __future__ import annotations

import asyncio

import pytest

from receiver.clock import Clock
from receiver.loop_time import COUNTED, LoopTime
from tests.garbage_collection import left_behind


class Stopped:
    """A clock that can jump, like a wall clock after the process was stopped."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.leapt = 0.0

    def __call__(self) -> float:
        return self.clock.monotonic() + self.leapt


async def test_it_expires_while_the_loop_turns() -> None:
    time = LoopTime()
    with pytest.raises(TimeoutError):
        async with time.deadline(0.2):
            await asyncio.Event().wait()


async def test_time_in_which_the_process_was_stopped_does_not_count() -> None:
    stopped = Stopped()
    time = LoopTime(stopped)
    async with time.deadline(5.0):
        for _ in range(5):
            stopped.leapt += 10.0
            await asyncio.sleep(0.06)


async def test_a_loop_that_was_blocked_counts_one_look() -> None:
    stopped = Stopped()
    time = LoopTime(stopped)
    async with time.deadline(COUNTED * 3):
        stopped.leapt += 60.0  # as if a callback had taken a minute
        await asyncio.sleep(0.06)


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    time, inside = LoopTime(), asyncio.Event()

    async def work() -> None:
        async with time.deadline(60.0):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_deadlines_end_one_by_one_and_leave_no_timer() -> None:
    time = LoopTime()
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        try:
            async with time.deadline(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(seconds)

    await asyncio.gather(*(wait(seconds) for seconds in (0.3, 0.05, 0.15)))
    assert ended == [0.05, 0.15, 0.3]
    await asyncio.sleep(0.1)
    assert time._timer is None


async def test_a_future_is_waited_for_within_a_time_on_the_wall() -> None:
    stopped = Stopped()
    time, future = LoopTime(stopped), asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.01, future.set_result, "reply")
    assert await time.within(5.0, future) == "reply"
    late: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.01, setattr, stopped, "leapt", 10.0)
    with pytest.raises(TimeoutError):
        await time.within(5.0, late)
    assert late.done()
    await asyncio.sleep(0.1)
    assert time._timer is None


async def test_it_serves_one_loop_after_another() -> None:
    time = LoopTime()

    async def expires() -> bool:
        try:
            async with time.deadline(0.05):
                await asyncio.Event().wait()
        except TimeoutError:
            return True
        return False

    assert await expires()
    assert await asyncio.to_thread(lambda: asyncio.run(expires()))


async def test_a_deadline_knows_how_late_the_loop_was_meanwhile() -> None:
    stopped = Stopped()
    time = LoopTime(stopped)
    async with time.deadline(5.0):
        stopped.leapt += 10.0
        await asyncio.sleep(0.06)
        async with time.deadline(5.0) as second:
            stopped.leapt += 3.0
            await asyncio.sleep(0.06)
        assert 2.9 <= second.behind < 10.0


async def test_an_answer_that_fails_or_comes_too_late_leaves_no_garbage() -> None:
    time, loop = LoopTime(), asyncio.get_running_loop()

    async def fails(_: int) -> None:
        refused: asyncio.Future[None] = loop.create_future()
        refused.set_exception(LookupError("no such thing"))
        with pytest.raises(LookupError):
            await time.within(1.0, refused)
        with pytest.raises(TimeoutError):
            await time.within(0.0, loop.create_future())
        del refused

    assert await left_behind(fails) == []
