"""Failovers and migrations of a cluster under a hundred webhooks per second."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.failover import FIRST, LIMIT, SECOND, failover_stage, failovers, nothing_lost
from tests.faults.waiting import say, until
from tests.store.clusters import Cluster

pytestmark = [pytest.mark.failover, pytest.mark.timeout(LIMIT)]


@SECOND
@pytest.mark.parametrize("kind", ["in turn", "in turn again"])
async def test_nothing_is_lost_with_one_replica_asked_for(tmp_path: Path, kind: str) -> None:
    async with failover_stage(tmp_path, Cluster(tmp_path / "store", least=1), replicas=1) as (stage, load):
        await failovers(stage, load, 5, kind)
        await nothing_lost(stage, load)


@FIRST
async def test_nothing_is_lost_while_the_slot_is_carried_to_another_node(tmp_path: Path) -> None:
    async with failover_stage(tmp_path, Cluster(tmp_path / "store", least=1), replicas=1) as (stage, load):
        for number in range(2):
            stage.note("store", up=False)
            began = time.time()
            await stage.store.migrate(pause=0.05)
            changed = time.time()
            took = await until(lambda: load.took_again(time.time() - 0.2) < 1, "webhooks that are accepted again", 5)
            stage.note("store", up=True)
            say(f"migration {number}: {changed - began:.1f} s, webhooks taken {took:.1f} s later")
            await until(lambda: stage.store.settled, "a whole cluster", 60)
        await nothing_lost(stage, load)
