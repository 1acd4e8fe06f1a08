"""Where the primary is: asked of those who know, followed, and doubted after each failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from redis.exceptions import RedisError

from receiver.model.store_address import Node

EVERY = 1.0
"""Seconds between two questions while nothing is wrong: a failover that nobody has run into is noticed as soon."""

log = structlog.get_logger("receiver.store")


class Locator:
    """The place of the primary, as far as it is known; one question at a time, whose answer is for all who ask."""

    def __init__(self, find: Callable[[], Awaitable[Node]]) -> None:
        """`find` asks, and raises RedisError or OSError where nobody says it. Nothing is asked before it is needed."""
        self.where: Node | None = None
        self.moved: Callable[[], None] = lambda: None
        """Called when the primary is another one."""
        self._find = find
        self._doubtful = True
        self._asking: asyncio.Task[Node] | None = None
        self._closed = False

    async def node(self) -> Node:
        """Return where to connect. Raises RedisError and OSError where nobody says it."""
        if self.where is not None and not self._doubtful:
            return self.where
        return await self.ask()

    async def ask(self) -> Node:
        """Ask, or wait for the answer to a question that is under way. Raises as `node`."""
        return await asyncio.shield(self._question())

    def doubt(self) -> None:
        """Ask again, for those who have a connection as well: a command has failed."""
        self._doubtful = True
        if not self._closed:
            self._question()

    def take(self, node: Node) -> None:
        """Believe that the primary is there: who was the primary before has said so, or those who know."""
        self._doubtful = False
        before, self.where = self.where, node
        if before not in (None, node):
            log.warning("store_primary_changed", before="%s:%s" % before, now="%s:%s" % node)  # noqa: UP031
            self.moved()

    async def follow(self) -> None:
        """Ask for ever, each second."""
        while True:
            with suppress(RedisError, OSError):  # the next command says what is wrong
                await self.ask()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Wait for the question that is under way."""
        self._closed = True
        if self._asking is not None:
            await asyncio.wait([self._asking])

    def _question(self) -> asyncio.Task[Node]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask())
            self._asking.add_done_callback(_retrieved)
        return self._asking

    async def _ask(self) -> Node:
        self._doubtful = False  # what fails from now on is not answered by this
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
    # Everybody who asked may have gone meanwhile.
    if not task.cancelled():
        task.exception()
