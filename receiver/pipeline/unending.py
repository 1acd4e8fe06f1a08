"""What goes on whatever fails in it, and counts that: loops beside everything else, and steps of a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from receiver.metrics import Metrics
from receiver.store.connection import Contended, StoreAway

REST = 5.0
"""Seconds before a loop that has failed begins again."""

log = structlog.get_logger("receiver")


async def unending(step: str, run: Callable[[], Awaitable[None]], metrics: Metrics, rest: float = REST) -> None:
    """Run a loop until it returns by itself; what it raises is said, for nobody would notice that it had ended."""
    while True:
        try:
            await run()
            return
        except Exception:
            metrics.loop_errors.labels(step).inc()
            log.exception("step_failed", step=step)
        await asyncio.sleep(rest)


async def survived(
    step: str, act: Callable[[], Awaitable[None]], metrics: Metrics, probe: Callable[[], Awaitable[None]] | None = None
) -> bool:
    """Return whether a step of a loop was done; what it raises is said and counted. Raises StoreAway.

    `probe` asks the store: where it answers, only what this step asked of it was refused or took too long.
    """
    try:
        await act()
    except Contended:
        log.info("step_outrun", step=step)  # the store is there; what is due still comes back with its lease
        return False
    except Exception as error:
        if isinstance(error, StoreAway):
            if probe is None:
                raise
            await probe()
        metrics.loop_errors.labels(step).inc()
        log.exception("step_failed", step=step)
        return False
    return True
