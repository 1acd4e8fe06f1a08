"""Pools of connections to one server, which send only the caller's commands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError

from receiver.model.store_address import Node
from receiver.store.client.primary_locator import Locator

OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    # Deadlines are set by the caller, in loop time: the client's own would attribute this process's delays to the
    # server.
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry": Retry(NoBackoff(), 0),
    "retry_on_error": [],
    "health_check_interval": 0,
    # A connection without a handshake: its round trips would use the time of the first command, and with a store that
    # takes 300 ms per command, no command would succeed.
    "protocol": 2,
    "driver_info": None,
}


class _ClosesAtOnce:
    """Mixin for connections: closing neither waits nor fails.

    redis-py waits until the transport is closed. Callers that fail together then share one future, and the deadline of
    one cancels all of them with a CancelledError that no one requested.
    """

    leads_there = True
    """Whether it is connected to the current primary."""

    async def disconnect(self, nowait: bool = False, **more: Any) -> None:
        with suppress(RedisError, OSError):
            await super().disconnect(nowait=True, **more)  # type: ignore[misc]


class _Located(_ClosesAtOnce):
    """Mixin for connections: connects to the current primary, and never to a replica."""

    locator: Locator
    _made_to: Node | None = None

    @property
    def leads_there(self) -> bool:  # type: ignore[override]
        return self._made_to == self.locator.where

    async def connect(self) -> None:
        made: Any = self
        if made.is_connected and not self.leads_there:
            await self.disconnect()
        await super().connect()  # type: ignore[misc]

    async def connect_check_health(self, *args: Any, **more: Any) -> None:
        made: Any = self
        if not made.is_connected:
            self._made_to = await self.locator.node()
            made.host, made.port = self._made_to
        await super().connect_check_health(*args, **more)  # type: ignore[misc]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)  # type: ignore[misc]
        # The previous primary may not know about a failover yet. It reports its role to every user who may connect,
        # while ROLE is only for administrators.
        made: Any = self
        await made.send_command("HELLO", check_health=False)
        said = await made.read_response()
        if dict(zip(said[::2], said[1::2], strict=False)).get("role") not in ("master", "primary"):
            raise ReadOnlyError("the server is a replica")


def pool(url: str, most: int, tls: Mapping[str, Any], locator: Locator | None = None, **more: Any) -> Any:
    """Return a pool of at most `most` connections to the server at `url`, or to the one that `locator` returns."""
    made = ConnectionPool.from_url(url, **tls, **OPTIONS, **more, max_connections=most)
    kind = made.connection_class
    if locator is None:
        made.connection_class = type(kind.__name__, (_ClosesAtOnce, kind), {})
    else:
        made.connection_class = type(kind.__name__, (_Located, kind), {"locator": locator})
    return made
