"""A replica that was cut off from the store returns with pages for incidents that have ended in the meantime."""

from __future__ import annotations

from pathlib import Path

from tests.faults.waiting import until
from tests.outages.replica_pair import pair, soon


async def test_it_reopens_nothing_and_notifies_nobody_again(tmp_path: Path) -> None:
    async with pair(tmp_path, change=soon) as made:
        lived, ended_first = made.sender.probe(severe=True), made.sender.probe(severe=True)
        made.proxies[0].cut()
        for probe in (lived, ended_first):
            await made.refused(probe, 0)
        for probe in (lived, ended_first):
            await made.paged(probe)
        # The other replica gets every notification of one group, and only the end of the other.
        known = (await made.taken(lived, 1))["incident"]
        await made.taken(lived, 1, firing=False)
        assert (await made.taken(ended_first, 1, firing=False))["outcome"] == "ignored"
        await until(lambda: made.over(1), "the end of the incident")
        notifications = made.pager.notifications
        made.proxies[0].mend()

        async def adopted() -> bool:
            return not {"emergency_paged", "reopened"}.isdisjoint(await made.kinds(known))

        await until(adopted, "the pages of the cut-off replica to be recorded")
        await made.nothing_open(2)
        assert "reopened" not in await made.kinds(known)
        assert made.pager.notifications == notifications == 4
        assert made.pager.twice() == {}
