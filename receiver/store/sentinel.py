"""Redis Sentinel: who is the primary, by the newest configuration that any of the Sentinels has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import MasterDownError, RedisError, ResponseError

from receiver.loop_time import LoopTime
from receiver.model.store_address import Node
from receiver.store.asked import Asked
from receiver.store.endpoint import Endpoint
from receiver.store.pools import pool

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


def newest(told: Sequence[Told]) -> Told:
    """Return the word that counts of several."""
    return max(told, key=lambda one: one.epoch)


def agreed(told: Sequence[Told], of: int) -> bool:
    """Return whether more than half of `of` Sentinels say the same, so that the others need not be waited for."""
    return any(sum(other == one for other in told) * 2 > of for one in told)


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

    async def find(self) -> Node:
        """Return where the primary is. Raises RedisError and OSError where no Sentinel says it."""
        told, failures = await self._asked.ask(
            [self._tell(client) for client in self._clients], lambda told: agreed(told, len(self._clients))
        )
        if told:
            return newest(told).node
        raise _failure(failures, self._name)

    async def undisturbed(self, node: Node | None) -> bool:
        """Return whether `node` is the primary to all Sentinels that answer, most of them, and none replaces it."""
        told, _ = await self._asked.ask([self._tell(client) for client in self._clients], lambda _: False)
        quiet = all(one.node == node and not one.failing_over for one in told)
        return quiet and len(told) * 2 > len(self._clients)

    async def close(self) -> None:
        """Close every connection."""
        await self._asked.end()
        for client in self._clients:
            await client.aclose()
            await client.connection_pool.disconnect()

    async def _tell(self, client: Any) -> Told:
        pipe = client.pipeline(transaction=False)
        pipe.execute_command("SENTINEL", "MASTER", self._name)
        # In the middle of a failover the one who leads it knows the new address here first.
        pipe.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
        said, address = await pipe.execute()
        fields = said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=False))
        flags = str(fields.get("flags", ""))
        return Told((address[0], int(address[1])), int(fields.get("config-epoch", 0)), "failover_in_progress" in flags)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _failure(failures: Sequence[Exception], name: str) -> Exception:
    # A wrong name or password is said before that nobody could be reached.
    for failure in failures:
        if isinstance(failure, ResponseError) and "No such master" in str(failure):
            return MasterDownError(f"the Sentinels know no primary called {name!r}")
    answered = [failure for failure in failures if isinstance(failure, RedisError)]
    return next(iter([*answered, *failures]), MasterDownError("no Sentinel answered"))
