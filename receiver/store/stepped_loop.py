"""Long loops in short steps: whatever waits for the event loop gets its turn in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

from receiver.loop_time import LoopTime
from receiver.store.client.connection_lanes import Lane, current_lane

Item = TypeVar("Item")

PARSED = 20
"""Snapshots that are parsed in one step: about 3 ms."""
SHAPED = 5
"""Incidents whose shape in JSON is made in one step: about 2 ms, most of it for their links."""
COMPARED = 2000
"""Summaries that are looked at in one step: about 2 ms."""
LONGEST_STEP = 0.005
"""Seconds of one step where items cost very different amounts, such as values that regular expressions are tried on."""
AT_ONCE = 3
"""Steps of requests in one turn of the event loop, however many requests there are. A notification needs about twelve
turns, and each of 150 readers that makes a step in every turn would have it wait for half a second."""


class _Steps:
    """The requests that wait for their next step in one event loop, the one that has waited longest first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def next(self) -> None:
        """Wait until it is this one's turn."""
        mine = self._loop.create_future()
        self._waiting.append(mine)
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)
        await mine

    def _turn(self) -> None:
        begun = 0
        while self._waiting and begun < AT_ONCE:
            one = self._waiting.popleft()
            if not one.done():  # else its sender has hung up
                one.set_result(None)
                begun += 1
        self._turning = bool(self._waiting)
        if self._turning:
            self._loop.call_soon(self._turn)


_steps: WeakKeyDictionary[asyncio.AbstractEventLoop, _Steps] = WeakKeyDictionary()


async def next_step() -> None:
    """Let other tasks run. What a request does waits until few others make a step; the service's own work does not."""
    if current_lane() is not Lane.REQUESTS:
        await asyncio.sleep(0)
        return
    loop = asyncio.get_running_loop()
    steps = _steps.get(loop)
    if steps is None:
        steps = _steps[loop] = _Steps(loop)
    await steps.next()


class TimedSteps:
    """A loop whose items cost very different amounts: it makes steps of `LONGEST_STEP` by the clock."""

    def __init__(self) -> None:
        """The first step begins now."""
        self._monotonic = LoopTime().now
        self._began = self._monotonic()

    async def pause(self) -> None:
        """Let other tasks run if the present step has taken long enough."""
        if self._monotonic() - self._began > LONGEST_STEP:
            await next_step()
            self._began = self._monotonic()


async def in_steps(items: Iterable[Item], size: int) -> AsyncIterator[Item]:
    """Yield `items`; after each `size` of them other tasks run first."""
    for count, item in enumerate(items, 1):
        yield item
        if count % size == 0:
            await next_step()
