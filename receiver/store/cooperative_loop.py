"""Runs long loops in short steps, so that other tasks of the event loop run in between."""

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
"""Number of snapshots that are parsed in one step: about 3 ms."""
SHAPED = 5
"""Number of incidents that are converted to JSON in one step: about 2 ms, mostly for their links."""
COMPARED = 2000
"""Number of summaries that are checked in one step: about 2 ms."""
LONGEST_STEP = 0.005
"""Seconds of one step if the cost of items varies a lot, such as matching regular expressions against values."""
AT_ONCE = 3
"""Number of request steps per iteration of the event loop, regardless of the number of requests. A notification needs
about twelve iterations; if 150 readers made a step in each, it would wait for half a second."""


class _Steps:
    """The requests that wait for their next step in one event loop, longest waiting first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def next(self) -> None:
        """Wait until this request may run its next step."""
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
            if not one.done():  # otherwise its sender has disconnected
                one.set_result(None)
                begun += 1
        self._turning = bool(self._waiting)
        if self._turning:
            self._loop.call_soon(self._turn)


_steps: WeakKeyDictionary[asyncio.AbstractEventLoop, _Steps] = WeakKeyDictionary()


async def next_step() -> None:
    """Let other tasks run. Requests wait until few others are running a step; the service's own work does not."""
    if current_lane() is not Lane.REQUESTS:
        await asyncio.sleep(0)
        return
    loop = asyncio.get_running_loop()
    steps = _steps.get(loop)
    if steps is None:
        steps = _steps[loop] = _Steps(loop)
    await steps.next()


class TimedSteps:
    """A loop over items of very different cost: it runs steps of `LONGEST_STEP` seconds."""

    def __init__(self) -> None:
        """The first step begins now."""
        self._monotonic = LoopTime().now
        self._began = self._monotonic()

    async def pause(self) -> None:
        """Let other tasks run if the current step has taken long enough."""
        if self._monotonic() - self._began > LONGEST_STEP:
            await next_step()
            self._began = self._monotonic()


async def in_steps(items: Iterable[Item], size: int) -> AsyncIterator[Item]:
    """Yield `items`, and let other tasks run after every `size` of them."""
    for count, item in enumerate(items, 1):
        yield item
        if count % size == 0:
            await next_step()
