"""Failovers by Sentinels under a hundred webhooks a second: planned ones, and kill -9 of the primary."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.failing import FAILOVERS, LIMIT, failed_over, failing, nothing_lost
from tests.faults.waiting import say
from tests.store.sentinels import Replicated

pytestmark = pytest.mark.timeout(LIMIT)


@pytest.mark.parametrize("planned", [True, False], ids=["planned", "killed"])
async def test_nothing_is_lost_with_one_replica_asked_for(tmp_path: Path, planned: bool) -> None:
    async with failing(tmp_path, Replicated(tmp_path / "store", least=1), replicas=1) as (stage, load):
        for number in range(FAILOVERS):
            say(f"failover {number}: {await failed_over(stage, load, planned=planned)}")
        await nothing_lost(stage, load)
