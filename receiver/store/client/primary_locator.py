"""Locates the primary: queries Sentinels or the cluster, follows changes, and checks again after each failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from redis.exceptions import RedisError

from receiver.model.store_address import Node

EVERY = 1.0
"""Seconds between two queries in normal operation, so that a failover is noticed within this time."""

log = structlog.get_logger("receiver.store")


class Locator:
    """The last known address of the primary; one query runs at a time, and all callers share its answer."""

    def __init__(self, find: Callable[[], Awaitable[Node]]) -> None:
        """`find` queries, and raises RedisError or OSError if no server answers. It is first called when needed."""
        self.where: Node | None = None
        self.moved: Callable[[], None] = lambda: None
        """Called when the primary has changed."""
        self._find = find
        self._doubtful = True
        self._asking: asyncio.Task[Node] | None = None
        self._closed = False

    async def node(self) -> Node:
        """Return the address to connect to. Raises RedisError and OSError if it is unknown."""
        if self.where is not None and not self._doubtful:
            return self.where
        return await self.ask()

    async def ask(self) -> Node:
        """Query, or wait for the answer to a running query. Raises as `node` does."""
        return await asyncio.shield(self._question())

    def doubt(self) -> None:
        """Query again, also for callers with a connection, because a command has failed."""
        self._doubtful = True
        if not self._closed:
            self._question()

    def take(self, node: Node) -> None:
        """Accept this address of the primary, reported by the previous primary, Sentinels or the cluster."""
        self._doubtful = False
        before, self.where = self.where, node
        if before not in (None, node):
            log.warning("store_primary_changed", before="%s:%s" % before, now="%s:%s" % node)  # noqa: UP031
            self.moved()

    async def follow(self) -> None:
        """Query each second until canceled."""
        while True:
            with suppress(RedisError, OSError):  # the next command reports the problem
                await self.ask()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Wait for the running query."""
        self._closed = True
        if self._asking is not None:
            await asyncio.wait([self._asking])

    def _question(self) -> asyncio.Task[Node]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask())
            self._asking.add_done_callback(_retrieved)
        return self._asking

    async def _ask(self) -> Node:
        self._doubtful = False  # failures from now on are not covered by this query
        try:
            node = await self._find()
        except (RedisError, OSError):
            self._doubtful = True
            raise
        doubtful = self._doubtful
        self.take(node)
        self._doubtful = doubtful
        return node


def _retrieved(task: asyncio.Task[Node]) -> None:
    # All callers may have been canceled meanwhile.
    if not task.cancelled():
        task.exception()
