"""A replica keeps refused notifications even across a restart, because the sender may not send them again."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.waiting import until
from tests.outages.replica_pair import pair, soon
from tests.outages.test_emergency_limits import Group, limits


async def test_it_is_stored_when_the_store_is_back_and_its_end_as_well(tmp_path: Path) -> None:
    async with pair(tmp_path, change=limits) as made:
        held = Group(1000, False, datetime.now(UTC) - timedelta(minutes=1), service="db")
        ended, known = made.sender.probe(severe=True), made.sender.probe()
        await made.taken(known, 0)
        await made.paged(known)
        made.cut()
        # One in a maintenance window, one that ends during the outage, one whose people were paged before.
        for probe in (held, ended, known):
            await made.refused(probe, 0)
        await made.paged(ended)
        await made.refused(ended, 0, firing=False)
        made.mend()

        async def stored() -> bool:
            return len(await made.incidents(1)) == 3

        await until(stored, "an incident for each group")
        assert not made.triggers(held), "a maintenance window holds it"
        await made.back()
        for probe in (held, known):
            await made.taken(probe, 1, firing=False)
        await made.nothing_open(3)
        assert made.pager.notifications == 3
        assert made.pager.twice() == {}


async def test_replicas_that_start_while_it_is_away_page_under_the_same_key(tmp_path: Path) -> None:
    async with pair(tmp_path, change=soon) as made:
        before, new = made.sender.probe(severe=True), made.sender.probe(severe=True)
        made.cut()
        await asyncio.gather(made.refused(before, 0), made.refused(before, 1))
        await made.paged(before)
        made.services[0].signal(signal.SIGTERM)
        await made.services[0].ended()
        await made.services[1].kill()
        await asyncio.gather(made.start(0), made.start(1))
        for probe in (before, new):
            await asyncio.gather(made.refused(probe, 0), made.refused(probe, 1))
        await made.paged(new)
        made.mend()
        for probe in (before, new):
            await made.sender.deliver(probe)
            await made.sender.deliver(probe, firing=False)
        await made.nothing_open(2)
        assert made.pager.notifications == 4
        assert made.pager.twice() == {}
