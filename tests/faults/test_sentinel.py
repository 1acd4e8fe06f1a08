"""Failovers by Sentinels under a hundred webhooks per second: planned ones, and kill -9 of the primary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.failover import FIRST, GIVEN, IN_TURN, LIMIT, failover_stage, failovers, metrics_of, nothing_lost
from tests.faults.waiting import say, until
from tests.store.sentinels import Replicated

pytestmark = [pytest.mark.failover, pytest.mark.timeout(LIMIT)]


KINDS = (*IN_TURN, *(("planned", "paused", "killed") if GIVEN else ()))
"""In turn there are as many of each, ten in both runs together. Each kind alone is a long run:
`FAILOVERS=10 pytest tests/faults/test_sentinel.py -k planned`."""


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_lost_with_one_replica_asked_for(tmp_path: Path, kind: str) -> None:
    async with failover_stage(tmp_path, Replicated(tmp_path / "store", least=1), replicas=1) as (stage, load):
        await failovers(stage, load, 5, kind)
        await nothing_lost(stage, load)


@FIRST
async def test_without_a_replica_each_loss_is_noticed_told_and_made_good(tmp_path: Path) -> None:
    async with failover_stage(tmp_path, Replicated(tmp_path / "store"), replicas=0) as (stage, load):
        stage.store.part(parted=True)
        before = len(load.probes)
        await until(lambda: len(load.probes) > before + 40, "webhooks that no replica receives")
        stage.note("store", up=False)
        killed = await stage.store.kill_primary()
        stage.store.part(parted=False)

        def said(event: str) -> list[Any]:
            lines = [json.loads(x) for s in stage.services for x in s.log.read_text("utf-8").splitlines() if event in x]
            return [line for line in lines if line["event"] == event]

        await until(lambda: bool(said("store_data_restored")), "the lost data to be restored", 60)
        stage.note("store", up=True)
        assert any(line["commits"] < line["known"] for line in said("store_data_lost"))
        await killed.start()
        await until(lambda: stage.store.settled, "replicas that follow the new primary", 60)
        await nothing_lost(stage, load, forgot=True)
        made = said("store_data_restored")
        back, gone = max(line["back"] for line in made), [name for line in made for name in line["lost"]]
        assert back > 20, "the failover must lose writes that the replicas did not receive"
        assert gone == []
        counted = [await metrics_of(service) for service in stage.services]
        assert sum(one["receiver_store_losses_total"] for one in counted) >= 1
        assert sum(one['receiver_store_lost_incidents_total{outcome="written_back"}'] for one in counted) >= back
        say(f"{back} incidents were lost by the store and written back")
