"""Replicas on a store that fails over: started, put under load, and checked for lost notifications."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from tests.faults.load import Load
from tests.faults.oracle import Verdict
from tests.faults.programs import Fakes, Service
from tests.faults.stage import ENV, QUICK, Stage
from tests.faults.waiting import say, until
from tests.store.clusters import Cluster
from tests.store.sentinels import SENTINEL_PASSWORD, Replicated

GIVEN = os.environ.get("FAILOVERS")
"""Number of failovers of each kind for a long run; without it, as many as CI has time for."""
BACK = 5.0
"""Maximum seconds after a failover until webhooks are accepted again."""
LIMIT = 240 + 90 * int(GIVEN or 10)
"""Maximum seconds for a test with that many failovers."""
FIRST, SECOND = pytest.mark.xdist_group("first"), pytest.mark.xdist_group("second")
"""The tests of a group run one after the other (`--dist loadgroup`); both groups take about four and a half minutes."""
IN_TURN = (pytest.param("in turn", marks=FIRST), pytest.param("in turn again", marks=SECOND))


class Failover(Stage):
    """Replicas whose store is located by Sentinels or a cluster."""

    store: Any

    def store_url(self, number: int) -> str:
        """Return the address of the Sentinels or the cluster."""
        return str(self.store.address)

    def raw(self) -> Any:
        """Return a client of the current primary."""
        return redis.Redis.from_url(self.store.url, decode_responses=True)


def quiet(content: dict[str, Any]) -> None:
    """Disable chat, which is limited to a message per second, and steps that are due without an acknowledgement."""
    content["redis"]["sentinel_password"] = SENTINEL_PASSWORD
    content["channels"]["chat"]["bot_token"] = ""
    # Nobody acknowledges, and a long run exceeds the response times: the oracle does not know the steps that are due
    # then.
    for severity in ("SEV-1", "SEV-2"):
        content["severities"][severity]["respond_within"] = "3h"
        for number, step in enumerate(content["escalations"][severity.lower()]["steps"]):
            step["after"] = f"{4 + number}h"


@contextlib.asynccontextmanager
async def failover_stage(
    folder: Path, store: Replicated | Cluster, **settings: Any
) -> AsyncIterator[tuple[Failover, Load]]:
    """Two replicas on the started `store`, with these settings of `redis`, under load; they end with the block."""
    fakes = Fakes(folder / "vendors")
    stage = Failover(folder / "run", store, fakes, plain=True)  # type: ignore[arg-type]
    try:
        await fakes.start()
        await store.start()
        await stage.open(2, redis={**QUICK, **settings}, change=quiet)
        load = Load(stage.sender)
        load.start()
        await until(lambda: len(load.probes) > 20, "accepted webhooks")
        yield stage, load
    finally:
        if stage.services:
            await stage.end()
        store.end()
        fakes.end()


async def failovers(stage: Failover, load: Load, times: int, kind: str = "in turn") -> None:
    """Let the store fail over, and print how soon webhooks were accepted again.

    `times`: failovers of each kind, if the environment does not set it. `kind`: planned, paused (planned, after a pause
    of writes), killed (kill -9), or in turn.
    """
    took: dict[bool, list[float]] = {True: [], False: []}
    kinds = {"planned": [True], "paused": [True], "killed": [False]}.get(kind, [True, False])
    for number, planned in enumerate(kinds * int(GIVEN or times)):
        # In some of them, a killed server first comes back in its old role, and claims to be the primary.
        told = len(kinds) > 1 and number % 6 != 1
        took[planned].append(await failed_over(stage, load, planned=planned, told=told, pause=kind == "paused"))
    for planned, waits in ((planned, waits) for planned, waits in took.items() if waits):
        kind, spread = "planned" if planned else "killed", sorted(waits)
        say(f"{len(waits)} {kind}: taken again after {spread[len(waits) // 2]:.1f} s, {spread[-1]:.1f} s at most")


async def failed_over(stage: Failover, load: Load, *, planned: bool, told: bool = False, pause: bool = False) -> float:
    """Let the store fail over; return after how many seconds webhooks were taken, once everything is as it was.

    `told`: a killed server is told which one is the primary when it is started again. `pause`: writes are paused first.
    """
    store, before = stage.store, len(load.probes)
    await until(lambda: len(load.probes) > before + 10, "webhooks before the failover")
    stage.note("store", up=False)
    began = time.time()
    killed = None if planned else await store.kill_primary()
    if planned:
        await store.fail_over(pause=True) if pause else await store.fail_over()
    changed = time.time()
    took = await until(lambda: load.took_again(changed) < math.inf, "webhooks that are accepted again", BACK)
    stage.note("store", up=True)
    if killed is not None:
        await store.restart(killed, told=told)
    await until(lambda: store.settled, "replicas that follow the new primary", 60)
    say(f"{'planned' if planned else 'killed'}: {changed - began:.1f} s, webhooks taken {took:.1f} s later")
    return took


async def metrics_of(service: Service) -> dict[str, float]:
    """Return the samples of a replica's metrics, by name and labels."""
    headers = {"Authorization": f"Bearer {ENV['ADMIN_TOKEN']}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{service.url}/metrics") as answer:
        assert answer.status == 200, await answer.text()
        lines = [line for line in (await answer.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def nothing_lost(stage: Failover, load: Load, *, forgot: bool = False) -> Verdict:
    """End the load, and return the verdict: everything that was answered with 200 is in the store, and was paged.

    `forgot`: the store has lost data meanwhile, so an incident number may have been used again.
    """
    await load.end()
    # All pages are resolved at once, at 120 per minute for a routing key, which takes longer in a long run.
    verdict = await stage.settled(within=90 + (stage.verdict().pages * 0.5 if GIVEN else 0))
    assert load.lost(stage.raw(), "{receiver}:") == set()
    assert forgot or load.shared() == []
    assert verdict.pages
    said = f"{len(load.probes)} groups, {verdict.pages} pages, {verdict.repeated} sent again"
    say(f"{said}, slowest {verdict.slowest:.1f} s, longest gap {load.gap():.1f} s")
    return verdict
