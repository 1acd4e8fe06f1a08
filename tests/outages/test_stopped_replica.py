"""A replica that was stopped for longer than its leases does not page for incidents that ended meanwhile."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.faults.waiting import until
from tests.outages.replica_pair import pair, soon

COUNT = 4
UNDER_WAY = 0.2
"""Seconds per round trip of the first replica: long enough to stop it while it reads the page that it will send."""
LEASES = {"lease": "4s", "send_deadline": "2s"}
"""Long enough for three such round trips: the replica would send in time if it were not stopped."""


async def test_it_leaves_no_page_open_that_is_over(tmp_path: Path) -> None:
    async with pair(tmp_path, change=soon, redis=LEASES) as made:
        first = made.sender.probe()
        await made.taken(first, 0)
        await made.paged(first)
        on_its_way, probes = made.sender.probe(), [made.sender.probe() for _ in range(COUNT)]
        made.vendors.keep_back()
        await made.taken(on_its_way, 0)
        await until(lambda: made.vendors.kept > 0, "a request in transit to the pager")
        made.proxies[0].delay(UNDER_WAY)
        await asyncio.gather(*(made.taken(probe, 0) for probe in probes))
        made.services[0].signal(signal.SIGSTOP)
        made.proxies[0].delay(0.0)
        for probe in (on_its_way, *probes):
            await made.paged(probe)
        for probe in (on_its_way, *probes):
            await made.taken(probe, 1, firing=False)
        await until(lambda: len(made.pager.open) == 1, "the other replica to resolve the pages")
        made.vendors.go_on()
        await until(lambda: len(made.triggers(on_its_way)) == 2, "the late request to arrive")
        made.services[0].signal(signal.SIGCONT)
        # Work that the first replica had started precedes this request.
        last = made.sender.probe()
        await made.sender.deliver(last, to=0)
        await made.paged(last)
        for probe in (first, last):
            await made.taken(probe, 1, firing=False)
        await made.nothing_open(COUNT + 3)
        pager = made.pager
        late = {key for key, title in pager.titles.items() if on_its_way.name in title}
        assert set(pager.repeated()) <= late, "only the request in transit notified twice"
        assert pager.notifications == COUNT + 3 + 1
