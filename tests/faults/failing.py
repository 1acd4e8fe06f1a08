"""Replicas on a store that fails over: begun, loaded, and judged by what was taken and is there."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import redis

from tests.faults.load import Load
from tests.faults.oracle import Verdict
from tests.faults.programs import Fakes
from tests.faults.stage import QUICK, Stage
from tests.faults.waiting import say, until
from tests.store.clusters import Cluster
from tests.store.sentinels import SENTINEL_PASSWORD, Replicated

FAILOVERS = int(os.environ.get("FAILOVERS", "3"))
"""Failovers of each kind; 10 or 50 for a long run."""
BACK = 5.0
"""Seconds after a failover within which webhooks are taken again (issue 22)."""
LIMIT = 240 + 60 * FAILOVERS
"""Seconds that a test of so many failovers may take."""


class Failing(Stage):
    """Replicas that ask others where the store is."""

    store: Any

    def store_url(self, number: int) -> str:
        """Return the address of those who are asked."""
        return str(self.store.address)

    def raw(self) -> Any:
        """Return a client of the server that is the primary now."""
        return redis.Redis.from_url(self.store.url, decode_responses=True)


def quiet(content: dict[str, Any]) -> None:
    """Leave chat out: it keeps to a message a second, and is not what is asked here."""
    content["redis"]["sentinel_password"] = SENTINEL_PASSWORD
    content["channels"]["chat"]["bot_token"] = ""


@contextlib.asynccontextmanager
async def failing(folder: Path, store: Replicated | Cluster, **settings: Any) -> AsyncIterator[tuple[Failing, Load]]:
    """Two replicas on `store`, which is started, with these settings of `redis`, under load; ended with the block."""
    fakes = Fakes(folder / "vendors")
    stage = Failing(folder / "run", store, fakes, plain=True)  # type: ignore[arg-type]
    try:
        await fakes.start()
        await store.start()
        await stage.open(2, redis={**QUICK, **settings}, change=quiet)
        load = Load(stage.sender)
        load.start()
        await until(lambda: len(load.probes) > 20, "webhooks that are taken")
        yield stage, load
    finally:
        if stage.services:
            await stage.end()
        store.end()
        fakes.end()


async def failed_over(stage: Failing, load: Load, *, planned: bool) -> str:
    """Let the store fail over, and return how long that took, once everything is as it was and webhooks are taken."""
    store, before = stage.store, len(load.probes)
    await until(lambda: len(load.probes) > before + 30, "webhooks before the failover")
    stage.note("store", up=False)
    began = time.time()
    killed = None if planned else await store.kill_primary()
    if planned:
        await store.fail_over()
    changed = time.time()
    took = await until(lambda: load.took_again(changed) < math.inf, "webhooks that are taken again", BACK)
    stage.note("store", up=True)
    if killed is not None:
        await killed.start()
    await until(lambda: store.settled, "replicas that follow the new primary", 60)
    return f"{changed - began:.1f} s, webhooks taken {took:.1f} s later"


async def nothing_lost(stage: Failing, load: Load, *, forgot: bool = False) -> Verdict:
    """End the load, and return the verdict: everything that was taken with 200 is in the store, and was paged.

    `forgot`: the store has lost something meanwhile, and a number that it had given may have been given again.
    """
    await load.end()
    verdict = await stage.settled(within=90)
    assert load.lost(stage.raw(), "{receiver}:") == set()
    assert forgot or load.shared() == []
    assert verdict.pages
    said = f"{len(load.probes)} groups, {verdict.pages} pages, {verdict.repeated} sent again"
    say(f"{said}, slowest {verdict.slowest:.1f} s, longest gap {load.gap():.1f} s")
    return verdict
