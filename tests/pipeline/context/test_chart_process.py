"""A process that draws is gone once its task has ended, however often and whenever the task is canceled."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from receiver.pipeline.context import chart_process
from receiver.pipeline.context.chart_process import ChartProcess
from receiver.review.expression.graph import ExpressionGraph
from tests.faults.waiting import until


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[asyncio.subprocess.Process]:
    """Return the processes that drew; each of them never ends by itself."""
    (tmp_path / "sleeper").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    (tmp_path / "sleeper").chmod(0o700)
    found: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def begin(_program: str, *_words: str, **more: Any) -> asyncio.subprocess.Process:
        found.append(await start(str(tmp_path / "sleeper"), **more))
        return found[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    monkeypatch.setattr(chart_process, "can_draw", lambda: True)
    return found


@pytest.fixture
async def charts() -> AsyncIterator[ChartProcess]:
    """Return what draws for a replica; its files are removed at the end."""
    made = ChartProcess()
    yield made
    await made.close()


GRAPH = ExpressionGraph(alert="A", query="up", begins=datetime(2026, 12, 1, tzinfo=UTC), step=15, series=(), total=0)


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_a_canceled_drawing_leaves_no_process(
    started: list[asyncio.subprocess.Process], charts: ChartProcess, times: int
) -> None:
    drawing = asyncio.create_task(charts.draw(GRAPH))
    await until(lambda: bool(started), "the process")
    for _ in range(times):
        drawing.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert started[0].returncode == -9


async def test_what_takes_too_long_is_ended_and_is_no_image(
    started: list[asyncio.subprocess.Process], charts: ChartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart_process, "LIMIT", 0.1)
    assert await charts.draw(GRAPH) is None
    assert started[0].returncode == -9
