"""Loops that run beside everything else, for ever: one that fails is counted and begins again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from receiver.metrics import Metrics

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
