"""A replica that gets a part of a core loses no page, no task and no notification, and blames no store for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.waiting import say
from tests.load.run import load_run

SECONDS = 12.0


@pytest.mark.parametrize(
    ("share", "rate", "embedded"),
    [(0.5, 12.0, True), (0.25, 12.0, False), (0.1, 4.0, True)],
    ids=["half", "quarter", "tenth"],
)
async def test_a_share_of_a_core_loses_nothing(tmp_path: Path, share: float, rate: float, embedded: bool) -> None:
    async with load_run(tmp_path, embedded=embedded) as run:
        await run.throttled(share, rate, SECONDS)
        report = await run.report()
    say(f"{share:.0%} of a core, {rate:g} groups/s: {report.text()}")
    assert report.breaches == []
