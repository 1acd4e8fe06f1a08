"""A replica that was stopped while it was cut off reads the store before it sends anything.

Its earlier state (the store is away, a page is pending) may be outdated when it continues.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from tests.faults.sender import Probe
from tests.faults.waiting import until
from tests.outages.replica_pair import Pair, pair

STOPPED = 6.0
"""Seconds for which it is stopped at least: twice its lease."""
REFUSED = {"status": 503}
MANY = 40


def patient(content: dict[str, Any]) -> None:
    """Send a page without the store after a second, and shorten the monitoring of ended incidents."""
    content["incidents"] |= {"monitor_for": "1s", "emergency_after": "1s"}


async def tried(made: Pair, probe: Probe) -> None:
    """Return once the vendor has refused a page of `probe`."""

    def asked() -> bool:
        calls = [one["body"] for one in made._mine() if one["vendor"] == "pagerduty" and not one["taken"]]
        return any(probe.name in str(body) for body in calls)

    await until(asked, f"an attempt at the page of {probe.name}")


async def test_it_notifies_nobody_of_what_others_have_ended_meanwhile(tmp_path: Path) -> None:
    async with pair(tmp_path, change=patient) as made:
        accepted, attempted, undecided = (made.sender.probe() for _ in range(3))
        await made.fakes.script("pagerduty", *[REFUSED] * MANY)
        await made.taken(accepted, 0)
        await tried(made, accepted)
        made.proxies[0].cut()
        await made.refused(attempted, 0)
        await tried(made, attempted)
        await made.refused(undecided, 0)
        made.services[0].signal(signal.SIGSTOP)
        stopped = time.monotonic()
        await made.fakes.script("pagerduty")
        assert not made.pager.keys, "no one was paged so far"
        made.proxies[0].mend()
        for probe in (attempted, undecided):
            await made.taken(probe, 1)
        for probe in (accepted, attempted, undecided):
            await made.paged(probe)
            await made.taken(probe, 1, firing=False)
        await until(lambda: not made.pager.open, "every page to be resolved")
        await until(lambda: time.monotonic() - stopped > STOPPED, "two leases")
        made.services[0].signal(signal.SIGCONT)
        last = made.sender.probe()
        await made.sender.deliver(last, to=0)
        await made.paged(last)
        await made.taken(last, 1, firing=False)
        await made.nothing_open(4)
        assert made.pager.notifications == 4, made.pager.notified
        assert made.pager.twice() == {}
