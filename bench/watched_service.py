"""`python -m bench.watched_service FILE ARGUMENTS`: the service with a watch over its event loop.

While FILE exists, it has the longest iteration of the loop in ms since FILE was created: in wall-clock time, and in CPU
time of the loop's own thread, which a busy machine does not affect.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from receiver import app
from receiver.cli import main

STEP, OFF = 0.005, 0.5


async def watch(file: Path) -> None:
    """Check every 5 ms while the file exists, and twice a second whether it exists."""
    while True:
        await asyncio.sleep(OFF)
        worst, cpu, written = 0.0, 0.0, 0.0
        while _wanted(file):
            before, before_cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(STEP)
            now = time.monotonic()
            worst, cpu = max(worst, now - before - STEP), max(cpu, time.thread_time() - before_cpu)
            if now - written >= OFF:
                _write(file, f"{worst * 1000:.1f} {cpu * 1000:.1f}")
                written = now


def _wanted(file: Path) -> bool:
    return file.exists()


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def watched(run: Callable[[app.Service], Awaitable[None]], file: Path) -> Callable[[app.Service], Awaitable[None]]:
    """Return `run` with the watch running in parallel."""

    async def both(service: app.Service) -> None:
        task = asyncio.create_task(watch(file))
        try:
            await run(service)
        finally:
            task.cancel()

    return both


if __name__ == "__main__":
    serve = app._serve
    file = Path(sys.argv[1])

    async def serve_watched(config, url, embedded, runner, source):  # type: ignore[no-untyped-def]
        await serve(config, url, embedded, watched(runner, file), source)

    app._serve = serve_watched
    sys.argv[1:] = sys.argv[2:]
    main()
