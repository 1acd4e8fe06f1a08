"""What only the garbage collector can free. It runs seldom in a replica, and until then the memory grows."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable

TIMES = 10


async def left_behind(act: Callable[[int], Awaitable[None]]) -> list[str]:
    """Return the types of the objects that only the garbage collector can free, after `act` has run several times."""
    await act(0)  # what is built once
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for number in range(1, 1 + TIMES):
            await act(number)
        gc.collect()
        return [type(one).__name__ for one in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
