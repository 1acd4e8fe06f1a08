"""Handled exceptions hold no frames, whose variables would lead back to them."""

from __future__ import annotations

import asyncio

import pytest

from receiver.clock import Clock
from receiver.pipeline.delivery.lease_time import in_time
from receiver.pipeline.exception_frames import drop_frames, drop_frames_of
from receiver.store.client.store_errors import StoreSlow
from tests.garbage_collection import left_behind


async def test_the_frames_of_an_exception_and_of_its_causes_are_dropped() -> None:
    first, second = ValueError("first"), KeyError("second")
    try:
        try:
            raise first
        except ValueError:
            raise second from None
    except KeyError:
        pass
    assert [one.__traceback__ is None for one in (first, second)] == [False, False]
    drop_frames(second)
    assert [one.__traceback__ is None for one in (first, second)] == [True, True]


async def test_a_task_that_nobody_waits_for_holds_no_frames_of_its_exception() -> None:
    async def fails(_: int) -> None:
        async def work() -> None:
            mine = asyncio.current_task()  # its frame leads back to the task
            raise LookupError(mine is not None)

        task = asyncio.create_task(work())
        task.add_done_callback(drop_frames_of)
        await asyncio.wait({task})

    assert await left_behind(fails) == []


async def test_a_question_that_fails_before_the_end_of_a_lease_leaves_no_garbage() -> None:
    clock = Clock()

    async def asked() -> None:
        raise StoreSlow("no answer")

    async def fails(_: int) -> None:
        with pytest.raises(StoreSlow):
            await in_time(asked(), clock.monotonic() + 1, clock)

    assert await left_behind(fails) == []
