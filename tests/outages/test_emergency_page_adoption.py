"""A replica that adopts many emergency pages still serves requests, so no probe ends it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.faults.waiting import say, until
from tests.load.replica_recorder import ReplicaWatch
from tests.outages.replica_pair import pair, soon

COUNT = 120
TAKEN_WITHIN = 2.0
"""Seconds within which a new notification must be accepted after the replica noticed that the store is back."""
ADOPTED_WITHIN = 20.0
AT_ONCE = 10


async def test_it_takes_notifications_while_it_adopts(tmp_path: Path) -> None:
    async with pair(tmp_path, change=soon) as made:
        made.proxies[0].cut()
        slots = asyncio.Semaphore(AT_ONCE)
        probes = [made.sender.probe() for _ in range(COUNT)]

        async def knock(number: int) -> None:
            async with slots:
                await made.refused(probes[number], 0)

        await asyncio.gather(*map(knock, range(COUNT)))
        await until(lambda: len(made.pager.first) == COUNT, "every page without the store")
        watch = ReplicaWatch(made.services[0])
        made.proxies[0].mend()
        back = time.monotonic()
        await made.back()
        watch.start()
        new = made.sender.probe(severe=True)
        since = time.monotonic()
        await made.sender.deliver(new, to=0)
        took = time.monotonic() - since
        paged = await made.paged(new)

        async def adopted() -> bool:
            return len(await made.incidents(1)) == COUNT + 1

        await until(adopted, "every page to be adopted", ADOPTED_WITHIN)
        say(f"taken after {took:.2f} s, paged {paged:.2f} s later, {COUNT} adopted in {time.monotonic() - back:.1f} s")
        await watch.close()
        assert took <= TAKEN_WITHIN
        assert {sample.healthz for sample in watch.samples} == {200}
        for probe in (*probes, new):
            await made.taken(probe, 1, firing=False)
        # The vendor's quota limits how fast pages are resolved, which takes a minute.
        await until(lambda: made.over(COUNT + 1), "the end of every incident")
        assert made.pager.repeated() == []
        assert made.pager.twice() == {}
