"""Separate connections to the store for each kind of work, so that overload of one kind does not affect the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import DataError, RedisError, ResponseError

from receiver.loop_time import LoopTime
from receiver.store.client.connection_pools import pool
from receiver.store.client.primary_locator import Locator
from receiver.store.client.store_endpoint import Endpoint
from receiver.store.client.store_errors import Overloaded

TURN_LIMIT = 1.2
"""Maximum seconds of loop time that a command waits for a connection before it fails as overloaded."""


class Lane(StrEnum):
    """The kinds of work with separate connections."""

    PROBE = "probe"
    """The store monitor, which must always be able to probe."""
    BEAT = "beat"
    """The work loop: claims and changes."""
    WORKER = "worker"
    """Timers, and everything else that runs in parallel to the work loop."""
    DELIVERIES = "deliveries"
    INGEST = "ingest"
    """Notifications from Alertmanager."""
    REQUESTS = "requests"
    """People and their tools: console, API, Slack, PagerDuty."""
    DEBTS = "debts"
    """Refused SEV-1 and SEV-2 notifications."""


SIZES = {
    Lane.PROBE: 1,
    Lane.BEAT: 2,
    Lane.WORKER: 6,
    Lane.DELIVERIES: 16,
    Lane.INGEST: 16,
    Lane.REQUESTS: 12,
    Lane.DEBTS: 2,
}
"""Maximum number of connections; each carries one command at a time. 55 in total, of the 10,000 clients of a server."""

_lane: ContextVar[Lane] = ContextVar("lane", default=Lane.REQUESTS)
_busy: ContextVar[bool] = ContextVar("busy", default=False)


@contextmanager
def lane(kind: Lane) -> Iterator[None]:
    """Use the connections of `kind` inside the block, including tasks that are started in it."""
    token = _lane.set(kind)
    try:
        yield
    finally:
        _lane.reset(token)


def current_lane() -> Lane:
    """Return the kind of work of this task."""
    return _lane.get()


class ConnectionLanes:
    """The connections of one lane."""

    def __init__(self, endpoint: Endpoint, size: int, time: LoopTime, locator: Locator | None = None) -> None:
        """Connections are opened when needed, to `endpoint` or to the primary that `locator` returns."""
        # More connections than slots, so that a connection that is still closing delays no command.
        self.pool = pool(endpoint.address.url, size * 2, endpoint.tls, locator)
        # The client's types allow bytes everywhere; with decode_responses there are none.
        self.client: Any = Redis(connection_pool=self.pool)
        self._held: list[Any] = []
        """Connections that have answered, in the order of their last answers; the pool counts them as used."""
        self._dropping: set[asyncio.Task[None]] = set()
        self._time = time
        self._turns = asyncio.Semaphore(size)
        self._closing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Any]:
        """Wait for a connection and yield the client. Raises Overloaded if none becomes free within the limit."""
        if _busy.get():
            raise RuntimeError("a command inside another one's turn: with every connection in use both would wait")
        if self._turns.locked():
            try:
                async with self._time.deadline(TURN_LIMIT):
                    await self._turns.acquire()
            except TimeoutError:
                raise Overloaded("every connection for this kind of work is in use") from None
        else:
            await self._turns.acquire()
        token = _busy.set(True)
        try:
            yield self.client
        finally:
            _busy.reset(token)
            self._turns.release()

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together and return their replies; an error reply is returned as an exception.

        A pipeline of the client does the same with twice the CPU: each time, it takes a connection from the pool and
        returns it through a lock, an event and five counters, and encodes in Python. The caller has a slot and a
        deadline. Raises DataError before anything is sent; RedisError or OSError if the connection fails.
        """
        packed = _packed(commands)
        connection = await self._connected()
        callbacks, replies, whole = self.client.response_callbacks, [], False
        try:
            await connection.send_packed_command(packed, check_health=False)
            for command in commands:
                try:
                    reply = await connection.read_response()
                except ResponseError as error:
                    reply = error.with_traceback(None)  # its frames would lead back to the replies
                else:
                    callback = callbacks.get(command[0])
                    reply = callback(reply) if callback is not None else reply
                replies.append(reply)
            whole = True
        finally:
            # A connection with a pending answer cannot be reused.
            if whole:
                self._held.append(connection)
            else:
                self._drop_aside(connection)
        return replies

    async def _connected(self) -> Any:
        while self._held:
            connection = self._held.pop()
            with suppress(RedisError, OSError):
                if connection.leads_there and connection.is_connected and not await connection.can_read():
                    return connection
            await self._drop(connection)
        return await self.pool.get_connection()

    def _drop_aside(self, connection: Any) -> None:
        # Not awaited if a caller's deadline ends: a second cancellation would leave the connection counted as used.
        task = asyncio.get_running_loop().create_task(self._drop(connection))
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    async def _drop(self, connection: Any) -> None:
        with suppress(RedisError, OSError):
            await connection.disconnect()
        await self.pool.release(connection)

    def close_idle(self) -> None:
        """Close unused connections: after a failover they are connected to the previous primary."""
        if self._closing is None or self._closing.done():
            self._closing = asyncio.create_task(self._close_idle())

    async def _close_idle(self) -> None:
        held, self._held = self._held, []
        for connection in held:
            await self._drop(connection)
        with suppress(RedisError, OSError):
            await self.pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Close every connection."""
        ending = self._dropping | ({self._closing} if self._closing is not None else set())
        if ending:
            await asyncio.wait(ending)
        with suppress(RedisError, OSError):
            await self.client.aclose()
            await self.pool.disconnect()


def _packed(commands: Sequence[Sequence[Any]]) -> bytes:
    try:
        return b"".join([hiredis.pack_command(tuple(command)) for command in commands])
    except TypeError as error:
        raise DataError(str(error)) from None
