"""The connections to the store: separate for each kind of work, with deadlines and named conditions for failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.exceptions import MovedError, RedisError

from receiver.loop_time import LoopTime
from receiver.model.store_address import StoreKind
from receiver.store.client.cluster_locator import Cluster, place
from receiver.store.client.connection_lanes import SIZES, ConnectionLanes, current_lane
from receiver.store.client.primary_locator import Locator
from receiver.store.client.sentinel_locator import Sentinels
from receiver.store.client.store_endpoint import Endpoint
from receiver.store.client.store_errors import (
    StoreAway,
    StorePrimaryDown,
    StoreReadOnly,
    StoreSlotMoved,
    StoreUnreachable,
    condition_of,
)
from receiver.store.keys import Keys

COMMAND_LIMIT = 1.2
"""Deadline in seconds of loop time; with 0.3 for a connection, below the 2 s of a webhook's answer."""
CONNECT_LIMIT = 0.3
ELSEWHERE = (StoreUnreachable, StoreReadOnly, StorePrimaryDown, StoreSlotMoved)
"""Conditions of a server that may no longer be the primary, so that connections to it are useless."""


class GuardedClient:
    """The connections of every lane to the current primary.

    The client's own retries are off: after a lost answer they would apply a command twice.
    """

    def __init__(self, endpoint: Endpoint, namespace: str, time: LoopTime) -> None:
        """Connections are opened when needed."""
        self.keys = Keys(namespace)
        self.endpoint = endpoint
        self.url = endpoint.address.url
        self.time = time
        kind = endpoint.address.kind
        self.in_cluster = kind is StoreKind.CLUSTER
        self.sentinels = Sentinels(endpoint, time) if kind is StoreKind.SENTINEL else None
        self._guide = Cluster(endpoint, self.keys, time) if self.in_cluster else self.sentinels
        self.locator = Locator(self._guide.find) if self._guide else None
        """Locates the primary; None if the address is a single server."""
        if self.locator is not None:
            self.locator.moved = self._moved
        self.moves = 0
        """The number of changes of the primary."""
        self._bulkheads = {kind: ConnectionLanes(endpoint, size, time, self.locator) for kind, size in SIZES.items()}

    @property
    def client(self) -> Any:
        """The client of the current lane, without deadlines."""
        return self._bulkheads[current_lane()].client

    async def close(self) -> None:
        """Close every connection."""
        for bulkhead in self._bulkheads.values():
            await bulkhead.close()
        if self._guide is not None and self.locator is not None:
            await self.locator.close()
            await self._guide.close()

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[Any]:
        """Run commands on a connection of the current lane.

        Raises a subclass of StoreAway for every failure, and for every delay beyond the limit in loop time.
        """
        async with self._bulkheads[current_lane()].turn() as client:
            try:
                async with self.time.deadline(COMMAND_LIMIT + CONNECT_LIMIT):
                    yield client
            except (RedisError, OSError, TimeoutError) as error:
                raise self._condition(error) from None

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together and return their replies, including errors; call it inside `guarded`."""
        return await self._bulkheads[current_lane()].exchange(commands)

    async def read_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the replies to commands that are sent together; call it inside `guarded`.

        Raises the first error among them. It takes half the CPU of a pipeline (ConnectionLanes.exchange).
        """
        replies = await self.exchange(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def checked(self, replies: Sequence[Any]) -> Sequence[Any]:
        """Return `replies`. Raises StoreAway if one of them is an error."""
        for reply in replies:
            if isinstance(reply, Exception):
                raise self._condition(reply)
        return replies

    def pipeline(self, client: Any) -> Any:
        """Return a pipeline without MULTI: one round trip, not atomic."""
        return client.pipeline(transaction=False)

    def _condition(self, error: Exception) -> StoreAway:
        condition = condition_of(error)
        moved = self.locator is not None and isinstance(error, MovedError) and place(error, self.locator.where)
        if self.locator is not None and moved:
            self.locator.take(moved)
        elif self.locator is not None and not condition.ours:
            self.locator.doubt()
        if isinstance(condition, ELSEWHERE):
            self._close_idle()
        return condition

    def _moved(self) -> None:
        self.moves += 1
        self._close_idle()

    def _close_idle(self) -> None:
        for bulkhead in self._bulkheads.values():
            bulkhead.close_idle()
