"""The page of a notification that was answered 2xx is sent during the outage, even if it was never attempted before."""

from __future__ import annotations

from pathlib import Path

from tests.faults.sender import Probe
from tests.faults.waiting import say, until
from tests.outages.replica_pair import Pair, pair, soon

PAGED_WITHIN = 5.0
"""Seconds without the store."""
UNDER_WAY = 0.4
"""Seconds per round trip: long enough to cut the store off before the page is read."""


async def paged_without_the_store(made: Pair, probe: Probe) -> None:
    """Check that a page that no vendor has accepted yet is sent once, and that its receipt is written later."""
    made.cut()
    assert not made.triggers(probe), "it was paged before the store was cut off"
    took = await made.paged(probe, within=PAGED_WITHIN)
    say(f"paged without the store after {took:.1f} s")
    made.mend()
    await made.back()
    await until(lambda: made.owes(0), "the receipts")


async def cut_off_before_it_is_read(made: Pair) -> list[Probe]:
    """Let a page be answered 200, and cut the store off before it is read; return all pages that this took."""
    probes: list[Probe] = []
    while not probes or made.triggers(probes[-1]):
        # A busy machine has sent it before the store was cut off.
        made.mend()
        await made.back()
        await until(lambda: made.owes(0), "the receipts")
        probes.append(made.sender.probe(severe=True))
        await made.taken(probes[-1], 0)
        made.cut()
    return probes


async def test_it_goes_out_without_the_store(tmp_path: Path) -> None:
    async with pair(tmp_path, change=soon) as made:
        before = made.sender.probe(severe=True)
        await made.taken(before, 0)
        await made.paged(before)
        made.proxies[0].delay(UNDER_WAY)
        untried = await cut_off_before_it_is_read(made)
        await paged_without_the_store(made, untried[-1])
        made.proxies[0].delay(0.0)

        refused = made.sender.probe()
        await made.fakes.script("pagerduty", *[{"status": 503}] * 2)
        await made.taken(refused, 0)

        async def tried_twice() -> bool:
            return [row["attempts"] for row in await made.rows() if int(row.get("attempts", 0))] == ["2"]

        await until(tried_twice, "two attempts that the vendor refused")
        await paged_without_the_store(made, refused)
        for probe in (before, *untried, refused):
            await made.taken(probe, 1, firing=False)
        await made.nothing_open(2 + len(untried))
        assert made.pager.repeated() == []
        assert made.pager.twice() == {}
