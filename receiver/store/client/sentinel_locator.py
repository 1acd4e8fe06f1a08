"""Redis Sentinel: finds the primary in the newest configuration that any of the Sentinels has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import MasterDownError, RedisError, ResponseError

from receiver.loop_time import LoopTime
from receiver.model.store_address import Node
from receiver.store.client.connection_pools import pool
from receiver.store.client.server_poll import Asked
from receiver.store.client.store_endpoint import Endpoint

CONNECTIONS = 4
"""Maximum number of connections to one Sentinel: all callers share a query."""
RECENT = 3.0
"""Seconds after its last answer for which a silent Sentinel may be starting a failover."""


@dataclass(frozen=True)
class Told:
    """The answer of one Sentinel about the primary."""

    node: Node
    epoch: int
    """Increases with each failover: a Sentinel with a higher one has newer information."""
    failing_over: bool
    """Whether this Sentinel is about to promote another server, and has not done so yet."""
    replicas: frozenset[Node] = frozenset()
    """Servers that it might promote."""
    by: int = 0
    """The index of this Sentinel in the address."""


def told_by(number: int, said: Any, address: Sequence[Any], replicas: Sequence[Any]) -> Told:
    """Parse the answers of a Sentinel about the primary, its address and its replicas."""
    fields, node = _fields(said), (address[0], int(address[1]))
    # Once the two addresses differ, the failover is decided: only the other replicas still have to follow.
    decided = node != (fields.get("ip"), int(fields.get("port", 0)))
    listed = map(_fields, replicas)
    return Told(
        node,
        int(fields.get("config-epoch", 0)),
        "failover_in_progress" in str(fields.get("flags", "")) and not decided,
        frozenset((one["ip"], int(one["port"])) for one in listed if "down" not in str(one.get("flags", ""))),
        number,
    )


def newest(told: Sequence[Told]) -> Told:
    """Return the answer that counts among several."""
    return max(told, key=lambda one: one.epoch)


def agreed(told: Sequence[Told], of: int) -> bool:
    """Return whether more than half of `of` Sentinels agree, so that waiting for the others is unnecessary."""
    return any(sum((other.node, other.epoch) == (one.node, one.epoch) for other in told) * 2 > of for one in told)


def quiet(told: Sequence[Told], node: Node | None, of: int, recent: Collection[int]) -> bool:
    """Return whether `node` is the primary for all of `told`, a majority of `of` Sentinels, and none is replacing it.

    `recent`: Sentinels that answered recently. A planned failover needs no vote: the Sentinel that runs it may be the
    only one that knows about it, so silence of a recent one counts as a failover.
    """
    undisturbed = all(one.node == node and not one.failing_over for one in told)
    return undisturbed and len(told) * 2 > of and {one.by for one in told}.issuperset(recent)


class Sentinels:
    """The Sentinels of an address."""

    def __init__(self, endpoint: Endpoint, time: LoopTime) -> None:
        """Create it before the first query."""
        address = endpoint.address
        self._name = address.primary
        scheme = "rediss" if address.tls else "redis"
        user: dict[str, Any] = {
            "username": endpoint.sentinel_username or None,
            "password": endpoint.sentinel_password or None,
        }
        self._clients: list[Any] = [
            Redis(connection_pool=pool(f"{scheme}://{_host(host)}:{port}", CONNECTIONS, endpoint.tls, **user))
            for host, port in address.nodes
        ]
        self._asked = Asked[Told](time)
        self._time = time
        self._answered: dict[int, float] = {}
        """When each Sentinel last answered (monotonic)."""
        self._silent: set[int] = set()
        """Sentinels that did not answer the last query: they are not waited for."""
        self._round: asyncio.Task[list[Told]] | None = None
        self._next: asyncio.Task[list[Told]] | None = None
        self.promotable: frozenset[Node] = frozenset()
        """Servers that any of them might promote in place of `primary`, by the last answers."""
        self.primary: Node | None = None
        """The primary, by the last answers."""

    async def find(self) -> Node:
        """Return the address of the primary. Raises RedisError and OSError if no Sentinel has it."""
        told, failures = await self._asked.ask(self._questions(), lambda told: agreed(told, len(self._clients)))
        if not told:
            raise _failure(failures, self._name)
        self._keep(told)
        return newest(told).node

    async def undisturbed(self, node: Node | None) -> bool:
        """Return whether `node` is the primary for all answering Sentinels, a majority, and none is replacing it.

        The query starts after the call, and serves all calls before it.
        """
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._all())
            told = await asyncio.shield(self._round)
        else:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_task(self._after(self._round))
            told = await asyncio.shield(self._next)
        now = self._time.now()
        recent = {number for number, at in self._answered.items() if now - at < RECENT}
        return quiet(told, node, len(self._clients), recent)

    def all_have(self, replicas: int, node: Node | None) -> bool:
        """Return whether a write that this many replicas of `node` acknowledged survives a failover to any of them.

        The promotable servers are replicas of one primary: after a change of the primary, there is one fewer.
        """
        return self.primary == node and replicas >= len(self.promotable)

    async def _after(self, before: asyncio.Task[list[Told]]) -> list[Told]:
        await asyncio.wait([before])
        self._round, self._next = self._next, None
        return await self._all()

    async def _all(self) -> list[Told]:
        def enough(told: Sequence[Told]) -> bool:
            return len(told) >= len(self._clients) - len(self._silent) and len(told) * 2 > len(self._clients)

        told, _ = await self._asked.ask(self._questions(), enough)
        self._keep(told)
        return told

    def _keep(self, told: Sequence[Told]) -> None:
        if told:
            self.primary = newest(told).node
            # A promoted server is still a replica for Sentinels that do not know about the promotion.
            self.promotable = frozenset[Node]().union(*(one.replicas for one in told)) - {self.primary}

    def _questions(self) -> list[Awaitable[Told]]:
        return [self._heard(number) for number in range(len(self._clients))]

    async def _heard(self, number: int) -> Told:
        heard = False
        try:
            told = await self._tell(number)
            self._answered[number], heard = self._time.now(), True
        finally:
            (self._silent.discard if heard else self._silent.add)(number)
        return told

    async def close(self) -> None:
        """Close every connection."""
        await self._asked.end()
        if self._round is not None:
            await asyncio.wait([self._round])
        for client in self._clients:
            await client.aclose()
            await client.connection_pool.disconnect()

    async def _tell(self, number: int) -> Told:
        pipe = self._clients[number].pipeline(transaction=False)
        pipe.execute_command("SENTINEL", "MASTER", self._name)
        # During a failover, the leading Sentinel has the new address here first.
        pipe.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
        pipe.execute_command("SENTINEL", "REPLICAS", self._name)
        return told_by(number, *await pipe.execute())


def _fields(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=False))


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _failure(failures: Sequence[Exception], name: str) -> Exception:
    # A wrong name or password is reported before unreachable servers.
    for failure in failures:
        if isinstance(failure, ResponseError) and "No such master" in str(failure):
            return MasterDownError(f"the Sentinels know no primary named {name!r}")
    answered = [failure for failure in failures if isinstance(failure, RedisError)]
    return next(iter([*answered, *failures]), MasterDownError("no Sentinel responded"))
