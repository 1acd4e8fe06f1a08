"""Two Alertmanager peers, fifty connections, two replicas, one notification: one incident and one page."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp

from tests.faults.sender import TOKEN
from tests.faults.stage import stage
from tests.faults.waiting import say

POSTS, CONNECTIONS = 1000, 50


async def test_the_same_notification_a_thousand_times_pages_once(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", services=2) as made:
        probe = made.sender.probe(severe=True)
        numbers = iter(range(POSTS))
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

        async def connection(which: int) -> None:
            connector = aiohttp.TCPConnector(limit=1)
            async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
                for number in numbers:
                    await made.sender.post(probe, peer=number % 2, to=which % 2, session=session)

        await asyncio.gather(*(connection(which) for which in range(CONNECTIONS)))
        entries = made.sender.entries
        slowest = max(entry["answered"] - entry["at"] for entry in entries)
        took = entries[-1]["answered"] - entries[0]["at"]
        say(f"{POSTS} posts over {CONNECTIONS} connections in {took:.1f} s, the slowest {slowest:.2f} s")
        assert Counter(entry["status"] for entry in entries) == {200: POSTS}
        outcomes = Counter(entry["said"]["outcome"] for entry in entries)
        assert outcomes == {"opened": 1, "duplicate": POSTS - 1}
        assert {entry["said"]["incident"] for entry in entries} == {(await made.incidents())[0]["id"]}
        await made.paged(probe)
        assert len(await made.incidents(0)) == len(await made.incidents(1)) == 1
        await asyncio.gather(*(made.sender.deliver(probe, firing=False, peer=n, to=n) for n in (0, 1)))
        found = await made.settled(more=0)
        assert found.pages == len(probe.pages)
