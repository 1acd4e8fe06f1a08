"""If the store is too slow for a webhook, SEV-1 and SEV-2 are still paged within 5 s."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import vendors_and_store
from tests.faults.waiting import say, until
from tests.load.sender import Sender
from tests.outages.replica_pair import Pair, pair

pytestmark = pytest.mark.alone

PAGED_WITHIN = 5.0
"""Seconds from the first arrival to the page."""
GROUPS, RATE = 4, 1.5
"""The number of new groups while the store is slow, and their rate per second."""
DELAYS = (
    ((0.1, GROUPS), (0.45, GROUPS), (0.75, GROUPS), (None, GROUPS)),
    ((0.6, 1), (0.3, GROUPS), (0.6, GROUPS), (1.0, GROUPS)),
)
"""Seconds per command, and groups, of two pairs in parallel; None: fast and slow in turn.

One group alone, with nothing beside it that fails too, was never paged by a release that took the store for away only
while its probes failed. At one second a command, a page takes four round trips until the store counts as away.
"""
OVER = 9.0
"""Seconds after which each alert has ended."""


def quick(content: dict[str, Any]) -> None:
    """Shorten the monitoring of ended incidents."""
    content["incidents"]["monitor_for"] = "1s"


def delay(made: Pair, seconds: float) -> None:
    """Delay each command of both replicas by that time."""
    for proxy in made.proxies:
        proxy.delay(seconds)


@contextlib.asynccontextmanager
async def slowed(made: Pair, seconds: float | None) -> AsyncIterator[None]:
    """Keep the store slow during the block."""

    async def alternate() -> None:
        while True:
            delay(made, 0.1)
            await asyncio.sleep(0.7)
            delay(made, 1.0)
            await asyncio.sleep(1.3)

    changing = asyncio.create_task(alternate()) if seconds is None else None
    delay(made, seconds or 0.1)
    try:
        yield
    finally:
        if changing is not None:
            changing.cancel()
        delay(made, 0.0)


async def late(made: Pair, sender: Sender, seconds: float | None, count: int) -> list[str]:
    """Send groups while the store is slow, and return those that were paged too late."""
    before = len(sender.groups)
    async with slowed(made, seconds):
        await sender.run(RATE, count / RATE, resolve_after=OVER)
        groups = sender.groups[before:]
        with contextlib.suppress(AssertionError):
            await until(lambda: made.pager.first.keys() >= {one.name for one in groups}, "the pages", PAGED_WITHIN + 2)
    first = made.pager.first
    took = sorted(round(first.get(group.name, 1e12) - group.first_try, 2) for group in groups)
    say(f"{seconds or 'alternating'} s per command: paged after {took}")
    await made.back()
    return [] if took[-1] <= PAGED_WITHIN else [f"{seconds}: paged after {took}"]


async def breaches(made: Pair, delays: Sequence[tuple[float | None, int]]) -> list[str]:
    """Slow down the store of `made` in each of these ways, and return the broken guarantees."""
    sender = Sender([service.url for service in made.services], severe_each=2)
    try:
        await sender.run(2.0, 1.0, resolve_after=OVER)
        found = [text for seconds, count in delays for text in await late(made, sender, seconds, count)]
        await until(lambda: all(group.ended for group in sender.groups), "the end of every alert", 40.0)
        await made.nothing_open(len(sender.groups), within=30.0)
    finally:
        await sender.close()
    return found + [f"{who} has the keys {keys}" for who, keys in made.pager.twice().items()]


async def test_every_page_is_out_within_five_seconds_under_one_key(tmp_path: Path) -> None:
    async with vendors_and_store(tmp_path) as (valkey, fakes), contextlib.AsyncExitStack() as stack:
        assert valkey is not None
        pairs = [
            await stack.enter_async_context(
                pair(tmp_path, change=quick, redis={}, beside=(valkey, fakes), namespace=f"slow{number}")
            )
            for number in range(len(DELAYS))
        ]
        found = await asyncio.gather(*map(breaches, pairs, DELAYS))
        assert [text for one in found for text in one] == []
