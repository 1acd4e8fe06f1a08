"""Waits for conditions by polling, with a limit; and prints the figures of a run."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

POLL = 0.03
PATIENCE = 60.0
"""Seconds after which a condition will not come true, where a test names no limit: a busy machine takes less."""


async def until(true: Callable[[], bool | Awaitable[bool]], what: str, within: float = PATIENCE) -> float:
    """Return the seconds until `true` was. Raises AssertionError, saying `what` was awaited, after `within`."""
    began = time.monotonic()
    while True:
        answer = true()
        if answer if isinstance(answer, bool) else await answer:
            return time.monotonic() - began
        if time.monotonic() - began > within:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(POLL)


def say(text: str) -> None:
    """Print a figure; pytest shows it with `-s`, and if the test fails."""
    sys.stdout.write(f"faults: {text}\n")
