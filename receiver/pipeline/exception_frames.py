"""Releases the memory that a handled exception holds."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any


def drop_frames(error: BaseException) -> None:
    """Remove the stack frames from a handled exception, and from those that led to it.

    An exception holds the frames that it passed through, with their variables. Where a frame leads back to it, through
    the task or the deadline that raised it, only the garbage collector frees them, which runs seldom in this process:
    each refused notification left 60 objects, its body among them, until there were 100,000 objects.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            waiting += (one.__cause__, one.__context__)


def drop_frames_of(task: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a task that has ended, so that asyncio does not log it, and drop its frames."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        with suppress(type(error)):
            task.result()  # until then the task itself holds the frames
        drop_frames(error)
