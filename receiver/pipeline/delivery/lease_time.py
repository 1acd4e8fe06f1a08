"""Store requests that must end before the lease of their row."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

from receiver.clock import Clock
from receiver.pipeline.exception_frames import drop_frames_of

T = TypeVar("T")


async def in_time(asked: Awaitable[T], until: float, clock: Clock) -> T | None:
    """Return the result of the store request `asked`; None if it has not arrived by monotonic `until`.

    The request is not canceled: it may still write later. Raises what the request raises.
    """
    if until == math.inf:
        return await asked
    task = asyncio.ensure_future(asked)
    done, _ = await asyncio.wait({task}, timeout=max(0.0, until - clock.monotonic()))
    if not done:
        task.add_done_callback(drop_frames_of)  # no one waits for it anymore
        return None
    try:
        return task.result()
    finally:
        del task, done  # the frames of what it raises would lead back to it (exception_frames.py)
