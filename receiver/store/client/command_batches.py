"""Sends the commands of one lane that wait at the same time together: one round trip, and one write to the socket.

Each write to the store's socket wakes another process, which costs more than the command itself. Requests that arrive
together (in a burst, or after a pause of the process) share round trips, so that the cost per request falls as the load
rises.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from redis.exceptions import DataError

from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.client.store_errors import Overloaded, StoreAway

IN_FLIGHT = 4
"""Maximum number of concurrent batches in one lane, so that requests do not wait for each other's answers."""
MOST = 64
"""Maximum number of commands in one batch."""
WAITING = 2000
"""Maximum number of commands that wait in one lane."""

Command = Sequence[Any]
_MGET = "MGET"


class Commands(Protocol):
    """The methods of the connection that a batch needs."""

    def guarded(self) -> AbstractAsyncContextManager[Any]:
        """Run commands on a connection of the current lane."""

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together and return their replies, including errors; call it inside `guarded`."""


class CommandBatches:
    """The waiting commands of one lane, and the running batches."""

    def __init__(self, kind: Lane, connection: Commands) -> None:
        """Create it empty."""
        self._kind = kind
        self._connection = connection
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._flying: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def call(self, *command: Any) -> asyncio.Future[Any]:
        """Return a future of the reply to one command; an error reply is returned as an exception.

        The future raises StoreAway. Raises Overloaded if too many commands wait.
        """
        if len(self._waiting) >= WAITING:
            raise Overloaded("too many commands are waiting for the store")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        self._schedule()
        return future

    async def end(self) -> None:
        """Wait for the running batches."""
        if self._flying:
            await asyncio.wait(self._flying)

    def _schedule(self) -> None:
        # At the end of this loop iteration, so that other commands of the same iteration are included.
        if not self._scheduled and self._waiting and len(self._flying) < IN_FLIGHT:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._flying) < IN_FLIGHT:
            batch: list[tuple[Command, asyncio.Future[Any]]] = []
            while self._waiting and len(batch) < MOST:
                command, future = self._waiting.popleft()
                if not future.done():
                    batch.append((command, future))
            if not batch:
                return
            with lane(self._kind):
                task = asyncio.get_running_loop().create_task(self._fly(batch))
            self._flying.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.get_loop().is_closed():
            self._schedule()

    async def _fly(self, batch: Sequence[tuple[Command, asyncio.Future[Any]]]) -> None:
        spoiled: Exception | None = None
        replies: list[Any] = []
        try:
            async with self._connection.guarded():
                try:
                    replies = await self._connection.exchange(_merged(batch))
                except (DataError, UnicodeError) as error:
                    spoiled = error.with_traceback(None)  # before anything was sent; its frames would lead back to it
        except StoreAway as condition:
            self._fail(batch, condition)
        except BaseException:
            self._fail(batch, StoreAway("the batch of commands was canceled"))
            raise
        else:
            if spoiled is not None:
                await self._apart(batch, spoiled)
                return
            for (_, future), reply in zip(batch, _divided(batch, replies), strict=True):
                if not future.done():
                    future.set_result(reply)

    async def _apart(self, batch: Sequence[tuple[Command, asyncio.Future[Any]]], error: Exception) -> None:
        # A command cannot be encoded: it fails alone, as an error of its caller rather than the store.
        if len(batch) == 1:
            future = batch[0][1]
            if not future.done():
                future.set_exception(error)
            return
        for one in batch:
            await self._fly([one])

    @staticmethod
    def _fail(batch: Sequence[tuple[Command, asyncio.Future[Any]]], condition: StoreAway) -> None:
        for _, future in batch:
            if not future.done():
                # A separate exception for each, because a traceback is appended wherever it is caught.
                future.set_exception(type(condition)(*condition.args))


def _merged(batch: Sequence[tuple[Command, asyncio.Future[Any]]]) -> list[Command]:
    # The cost of a duplicate at the store is mostly the client's work per command, not per key: one MGET reads the keys
    # of all GETs. It comes first, so that the replies are easy to split.
    keys = [key for command, _ in batch if command[0] == _MGET for key in command[1:]]
    rest = [command for command, _ in batch if command[0] != _MGET]
    return [(_MGET, *keys), *rest] if keys else rest


def _divided(batch: Sequence[tuple[Command, asyncio.Future[Any]]], replies: Sequence[Any]) -> list[Any]:
    # The reply to each command of a batch, from the replies to the result of `_merged`.
    others = iter(replies)
    values = next(others) if any(command[0] == _MGET for command, _ in batch) else []
    found, at = [], 0
    for command, _ in batch:
        if command[0] != _MGET:
            found.append(next(others))
        elif isinstance(values, Exception):
            found.append(values)
        else:
            found.append(values[at : at + len(command) - 1])
            at += len(command) - 1
    return found
