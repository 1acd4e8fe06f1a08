"""A replica that was stopped for longer than its leases does not page for what is over by then (reliability F4)."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.faults.waiting import until
from tests.outages.pair import pair, soon

COUNT = 4
UNDER_WAY = 0.5
"""Seconds of each round trip of the first replica: long enough to stop it while it reads what it is about to send."""
LEASES = {"lease": "4s", "send_deadline": "2s"}
"""Long enough for three such round trips: it would send in time, if it were not stopped."""


async def test_it_sends_nothing_under_a_lease_that_has_ended(tmp_path: Path) -> None:
    async with pair(tmp_path, change=soon, redis=LEASES) as made:
        first = made.sender.probe()
        await made.taken(first, 0)
        await made.paged(first)
        probes = [made.sender.probe() for _ in range(COUNT)]
        made.proxies[0].delay(UNDER_WAY)
        await asyncio.gather(*(made.taken(probe, 0) for probe in probes))
        made.services[0].signal(signal.SIGSTOP)
        assert all(not made.triggers(probe) for probe in probes), "it has sent before it was stopped"
        made.proxies[0].delay(0.0)
        for probe in probes:
            await made.paged(probe)
        for probe in probes:
            await made.taken(probe, 1, firing=False)
        await until(lambda: len(made.pager.open) == 1, "the other replica to resolve the pages")
        made.services[0].signal(signal.SIGCONT)
        # What the first replica had under way comes before what it is asked now.
        last = made.sender.probe()
        await made.sender.deliver(last, to=0)
        await made.paged(last)
        for probe in (first, last):
            await made.taken(probe, 1, firing=False)
        await made.nothing_open(COUNT + 2)
        assert made.pager.repeated() == []
        assert made.pager.notifications == COUNT + 2
