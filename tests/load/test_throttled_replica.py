"""A replica with a fraction of a core loses no page, task or notification, and does not report the store as away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.waiting import say
from tests.load.run import load_run
from tests.load.throttle import PERIOD

SECONDS = 10.0
LONG = 2.0
"""Seconds; with a tenth of a core, the replica is stopped for longer than the limit of any single command."""


@pytest.mark.parametrize(
    ("share", "rate", "period", "embedded"),
    [
        (0.5, 12.0, PERIOD, True),
        (0.25, 12.0, PERIOD, False),
        (0.1, 4.0, PERIOD, True),
        (0.1, 4.0, LONG, True),
        (0.25, 40.0, PERIOD, False),
    ],
    ids=["half", "quarter", "tenth", "tenth-in-long-stops", "quarter-overloaded"],
)
async def test_a_share_of_a_core_loses_nothing(
    tmp_path: Path, share: float, rate: float, period: float, embedded: bool
) -> None:
    async with load_run(tmp_path, embedded=embedded) as run:
        await run.throttled(share, rate, SECONDS, period=period)
        report = await run.report()
    say(f"{share:.0%} of a core in periods of {period:g} s, {rate:g} groups/s: {report.text()}")
    assert report.breaches == []
