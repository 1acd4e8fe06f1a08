"""Long loops in short steps: whatever waits for the event loop gets its turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

Item = TypeVar("Item")

PARSED = 20
"""Snapshots that are parsed in one step: about 3 ms."""
COMPARED = 2000
"""Summaries that are looked at in one step: about 2 ms."""


async def in_steps(items: Iterable[Item], size: int) -> AsyncIterator[Item]:
    """Yield `items`; after each `size` of them other tasks run first."""
    for count, item in enumerate(items, 1):
        yield item
        if count % size == 0:
            await asyncio.sleep(0)
