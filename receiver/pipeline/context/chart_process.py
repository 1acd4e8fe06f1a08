"""Draws images in a separate process, one at a time and within a time limit; without the library, none."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import suppress

import structlog

from receiver.review.expression.chart_png import can_draw
from receiver.review.expression.graph import ExpressionGraph

LIMIT = 60.0
"""Time limit of an image in seconds: one is enough, but at the lowest priority a busy machine needs up to 40."""
LARGEST = 1024 * 1024
"""Maximum size of an image in bytes; a typical one has 40 KB."""
PNG = b"\x89PNG\r\n\x1a\n"
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")

log = structlog.get_logger("receiver.charts")


class ChartProcess:
    """Draws for one replica."""

    def __init__(self) -> None:
        """Create it without a process."""
        self._one = asyncio.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def draw(self, graph: ExpressionGraph) -> bytes | None:
        """Return the image as PNG; None without the library, or if it could not be drawn."""
        if not can_draw():
            return None
        async with self._one:
            try:
                return await self._drawn(graph)
            except (OSError, TimeoutError) as error:
                log.info("chart_render_failed", reason=type(error).__name__)
        return None

    async def close(self) -> None:
        """Remove the files that the library wrote."""
        folder, self._folder = self._folder, None
        if folder is not None:
            await asyncio.to_thread(folder.cleanup)

    async def _drawn(self, graph: ExpressionGraph) -> bytes | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "receiver.pipeline.context.draw_chart", env=self._environment(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LIMIT):
                made, _ = await process.communicate(graph.model_dump_json().encode("utf-8", "replace"))
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await _ended(process)
        if process.returncode != 0 or not made.startswith(PNG) or len(made) > LARGEST:
            log.info("chart_render_failed", reason="failed", code=process.returncode)
            return None
        return made

    def _environment(self) -> dict[str, str]:
        # None of the service's secrets, and a folder for the list of fonts, which takes a second to create.
        if self._folder is None:
            with suppress(OSError):
                self._folder = tempfile.TemporaryDirectory(prefix="receiver-charts-")
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        more = {"MPLCONFIGDIR": self._folder.name} if self._folder is not None else {}
        return {**passed, **more, "MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


async def _ended(process: asyncio.subprocess.Process) -> None:
    # A process that was killed ends, but on a busy machine not at once. A second cancellation in the meantime takes
    # effect afterward: without this, the process would be left with its open pipes.
    waiting, canceled = asyncio.ensure_future(process.wait()), False
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            canceled = True
    if canceled:
        raise asyncio.CancelledError
