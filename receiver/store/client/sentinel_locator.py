"""Redis Sentinel: who is the primary, by the newest configuration that any of the Sentinels has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
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
"""To one Sentinel, at most: a question is asked once for everybody."""


@dataclass(frozen=True)
class Told:
    """What one Sentinel says of the primary."""

    node: Node
    epoch: int
    """Rises with each failover: who has a higher one knows more."""
    failing_over: bool
    """Whether this Sentinel is about to make another server the primary."""
    replicas: frozenset[Node] = frozenset()
    """Servers that it might make the primary."""


def newest(told: Sequence[Told]) -> Told:
    """Return the word that counts of several."""
    return max(told, key=lambda one: one.epoch)


def agreed(told: Sequence[Told], of: int) -> bool:
    """Return whether more than half of `of` Sentinels say the same, so that the others need not be waited for."""
    return any(sum((other.node, other.epoch) == (one.node, one.epoch) for other in told) * 2 > of for one in told)


class Sentinels:
    """The Sentinels of an address."""

    def __init__(self, endpoint: Endpoint, time: LoopTime) -> None:
        """Nothing is asked yet."""
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
        self._silent: set[int] = set()
        """Sentinels that have not answered the last question: nobody waits for them."""
        self._round: asyncio.Task[list[Told]] | None = None
        self._next: asyncio.Task[list[Told]] | None = None
        self.promotable: frozenset[Node] = frozenset()
        """Servers that any of them might make the primary, by the last answers."""

    async def find(self) -> Node:
        """Return where the primary is. Raises RedisError and OSError where no Sentinel says it."""
        told, failures = await self._asked.ask(self._questions(), lambda told: agreed(told, len(self._clients)))
        if not told:
            raise _failure(failures, self._name)
        self._keep(told)
        return newest(told).node

    async def undisturbed(self, node: Node | None) -> bool:
        """Return whether `node` is the primary to all Sentinels that answer, most of them, and none replaces it.

        They are asked after the call: one question serves all who call before it.
        """
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._all())
            told = await asyncio.shield(self._round)
        else:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_task(self._after(self._round))
            told = await asyncio.shield(self._next)
        quiet = all(one.node == node and not one.failing_over for one in told)
        return quiet and len(told) * 2 > len(self._clients)

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
            # One that was promoted is still a replica to those who have not heard of it.
            self.promotable = frozenset[Node]().union(*(one.replicas for one in told)) - {newest(told).node}

    def _questions(self) -> list[Awaitable[Told]]:
        return [self._heard(number) for number in range(len(self._clients))]

    async def _heard(self, number: int) -> Told:
        heard = False
        try:
            told = await self._tell(self._clients[number])
            heard = True
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

    async def _tell(self, client: Any) -> Told:
        pipe = client.pipeline(transaction=False)
        pipe.execute_command("SENTINEL", "MASTER", self._name)
        # In the middle of a failover the one who leads it knows the new address here first.
        pipe.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
        pipe.execute_command("SENTINEL", "REPLICAS", self._name)
        said, address, replicas = await pipe.execute()
        fields = _fields(said)
        return Told(
            (address[0], int(address[1])),
            int(fields.get("config-epoch", 0)),
            "failover_in_progress" in str(fields.get("flags", "")),
            frozenset(
                (one["ip"], int(one["port"]))
                for one in map(_fields, replicas)
                if "down" not in str(one.get("flags", ""))
            ),
        )


def _fields(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=False))


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _failure(failures: Sequence[Exception], name: str) -> Exception:
    # A wrong name or password is said before that nobody could be reached.
    for failure in failures:
        if isinstance(failure, ResponseError) and "No such master" in str(failure):
            return MasterDownError(f"the Sentinels know no primary called {name!r}")
    answered = [failure for failure in failures if isinstance(failure, RedisError)]
    return next(iter([*answered, *failures]), MasterDownError("no Sentinel answered"))
