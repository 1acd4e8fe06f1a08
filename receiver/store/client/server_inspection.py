"""The software and durability of the store's server, as last inspected."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError

from receiver.model.store_address import Node
from receiver.store.client import server_check
from receiver.store.client.guarded_client import GuardedClient
from receiver.store.client.lua_script import PROBE_WHEN_FULL
from receiver.store.client.server_check import ServerWarning
from receiver.store.client.store_errors import StoreUnsupported, condition_of
from receiver.store.client.write_durability import Settling


class ServerInspection:
    """Inspects the server, and compares it with the configuration."""

    def __init__(self, client: GuardedClient, settling: Settling, durability: str, replicas: int) -> None:
        """`settling` receives the number of replicas; `durability` and `replicas` as in the configuration."""
        self.durability = durability
        self.replicas = replicas
        self.level = "unknown"
        """The actual durability of the server: fsync, waitaof, everysec, memory; unseen if it may not be queried."""
        self.evicts = False
        """Whether the server drops keys when its memory is full."""
        self.warnings: tuple[ServerWarning, ...] = ()
        """Warnings about the server."""
        self._client = client
        self._settling = settling
        self._looked_at: Node | None = None
        self._may_ask = False

    @property
    def met(self) -> bool:
        """Whether the server meets the required durability as far as known; each write waits for replicas."""
        durable = (*server_check.DURABLE, server_check.CANNOT_BE_SEEN)
        return not self.evicts and (self.durability != "fsync" or self.level in durable)

    @property
    def is_another(self) -> bool:
        """Whether the server is a different one than the inspected one."""
        locator = self._client.locator
        return locator is not None and self._looked_at != locator.where

    async def inspect(self) -> str:
        """Inspect the server; store `level`, `evicts` and `warnings`, and return the level.

        Raises StoreAway; StoreUnsupported if the server cannot be the store.
        """
        locator, address = self._client.locator, self._client.endpoint.address
        async with self._client.guarded() as client:
            answers = await server_check.ask(client)
            if not answers.version:
                await _try_script(client)
            self._looked_at = locator.where if locator is not None else None
        why = server_check.unfit(answers, address)
        if why:
            raise StoreUnsupported(why)
        self.level = server_check.level(self.durability, answers)
        self.evicts = bool(answers.evicts)
        self._may_ask = answers.info is not None
        self._settling.seen(answers.info or {})
        self.warnings = tuple(server_check.warnings(self.durability, self.replicas, answers, address.kind))
        return self.level

    async def count_replicas(self) -> None:
        """Count the replicas, if the number matters. Raises StoreAway."""
        if self._settling.counts and self._may_ask:
            async with self._client.guarded() as client:
                self._settling.seen(await client.info("replication"))


async def _try_script(client: Any) -> None:
    # A server that does not report its version: the version determines whether it can run the scripts.
    try:
        await client.script_load(PROBE_WHEN_FULL.plain.text)
    except RedisError as error:
        condition = condition_of(error)
        if isinstance(condition, StoreUnsupported):
            raise condition from None
