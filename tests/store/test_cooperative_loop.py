"""Long loops of many requests yield to other tasks, and the service's own work does not wait for them."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.cooperative_loop import AT_ONCE, in_steps

READERS, STEPS, SIZE = 30, 4, 5


class Turns:
    """Counts the iterations of the event loop, and the steps in each."""

    def __init__(self) -> None:
        self.now = 0
        self.steps: Counter[int] = Counter()
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self.now += 1
        self._loop.call_soon(self._turn)

    async def read(self, kind: Lane) -> int:
        """Process some items like a request or another kind of work; return the iteration in which this ended."""
        with lane(kind):
            async for item in in_steps(range(STEPS * SIZE), SIZE):
                if item % SIZE == 0 and item:
                    self.steps[self.now] += 1
        return self.now


async def test_few_requests_make_a_step_in_one_turn() -> None:
    turns = Turns()
    await asyncio.gather(*(turns.read(Lane.REQUESTS) for _ in range(READERS)))
    assert sum(turns.steps.values()) == READERS * (STEPS - 1)
    assert max(turns.steps.values()) <= AT_ONCE


async def test_the_work_of_the_service_waits_behind_no_request() -> None:
    turns = Turns()
    readers = [asyncio.create_task(turns.read(Lane.REQUESTS)) for _ in range(READERS)]
    assert await turns.read(Lane.BEAT) <= STEPS + 1
    await asyncio.gather(*readers)


async def test_a_request_that_has_gone_takes_no_step() -> None:
    turns = Turns()
    gone = [asyncio.create_task(turns.read(Lane.REQUESTS)) for _ in range(READERS)]
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    last = turns.now
    assert await turns.read(Lane.REQUESTS) <= last + 2 * (STEPS + 1)
    for one in gone:
        with pytest.raises(asyncio.CancelledError):
            await one
