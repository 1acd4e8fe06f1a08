"""kill -9 at random moments during a stream of notifications: replicas in turn, both at once, and the store."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

from tests.faults.oracle import LATE
from tests.faults.stage import Stage, stage
from tests.faults.waiting import say

LEASE = 12.0
"""Seconds: the reference's `redis.lease`."""
LIVES = 2
"""Number of groups that fire at the same time: all page one person, whose key accepts some 120 events per minute."""
BOTH, STORE = 4, 5
"""Intervals, in kills, at which both replicas, or also the store, are killed."""


async def live(made: Stage, chance: random.Random, over: asyncio.Event) -> None:
    """One group after the other: it fires, is repeated by the peer, and ends; some end before anyone could be paged."""
    while not over.is_set():
        probe = made.sender.probe(severe=chance.random() < 0.3)
        if chance.random() < 0.4:
            await asyncio.gather(made.sender.deliver(probe), made.sender.deliver(probe, peer=1))
        else:
            await made.sender.deliver(probe)
        if chance.random() < 0.8:
            await made.paged(probe, within=60)
        if chance.random() < 0.3:
            await made.sender.deliver(probe, peer=1)
        await asyncio.sleep(chance.uniform(0, 0.6))
        await made.sender.deliver(probe, firing=False)


async def kill(made: Stage, chance: random.Random, rounds: int) -> None:
    """Kill that many times, each time after a random wait, and restart the killed processes."""
    for number in range(1, rounds + 1):
        await asyncio.sleep(chance.uniform(0.05, 1.2))
        victims = [0, 1] if number % BOTH == 0 else [number % 2]
        for victim in victims:
            await made.kill(victim)
        if number % STORE == 0:
            await made.kill_store()
            await asyncio.sleep(chance.uniform(0.0, 3.5))
            await made.start_store()
        await asyncio.gather(*(made.start(victim) for victim in victims))


async def test_a_stream_survives_kills_at_random_moments(tmp_path: Path, rounds: int) -> None:
    seed = int(os.environ.get("FAULT_SEED", random.randrange(1_000_000)))
    say(f"FAULT_SEED={seed}")
    chance = random.Random(seed)
    async with stage(tmp_path / "run", services=2) as made:
        over = asyncio.Event()
        lives = [asyncio.create_task(live(made, random.Random(chance.random()), over)) for _ in range(LIVES)]
        try:
            await kill(made, chance, rounds)
        finally:
            over.set()
            await asyncio.wait(lives, timeout=90)
        found = await made.settled()
        for life in lives:
            life.result()
        groups = {entry["probe"] for entry in made.sender.entries}
        assert len(await made.incidents()) == min(len(groups), 500)
        say(
            f"{rounds} kills, {len(made.sender.entries)} posts, {len(groups)} groups, {found.pages} pages, "
            f"{found.repeated} sent once more, slowest {found.slowest:.1f} s"
        )
        assert len(groups) > rounds // 2  # a stream, not a trickle


async def test_with_the_reference_leases_a_page_is_at_most_15_s_late(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", redis={}, start=False) as made:
        await made.start(kill_at="after_commit:1")
        probe = made.sender.probe()
        entry = await made.sender.post(probe)
        assert entry["status"] is None
        assert await made.services[0].ended() == -9
        made.note("service 0", up=False)
        await made.start()
        ready = time.time()
        again = await made.sender.deliver(probe)
        assert again["said"]["outcome"] == "duplicate"
        await made.paged(probe)
        late = made.triggers(probe)[0]["at"] - entry["at"]
        say(f"with the reference's leases the page of a dead replica came after {late:.1f} s")
        # Where the next one took longer to start than the lease, it has the same seconds to look for what is due.
        assert late <= LATE + max(0.0, ready - entry["at"] - LEASE)
        await made.sender.deliver(probe, firing=False)
        await made.settled()
