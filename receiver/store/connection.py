"""One client to the store: short deadlines, no retries of its own, every failure the same word."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from receiver.store.keys import Keys

CONNECT_LIMIT = 0.5
COMMAND_LIMIT = 1.2
"""Seconds. Together below the 2 s in which a webhook is answered whatever the store does (surfaces.md)."""


class StoreAway(Exception):
    """The store did not take it, or did not answer in time: nothing is known to be durable.

    Refused, hung, read-only, loading, full, short of replicas, a wrong password: all the same to a caller.
    """


class Contended(StoreAway):
    """Others committed first each time: the sender must come again, but the store is there."""


class Script:
    """A Lua file of this package, called by its hash."""

    def __init__(self, name: str) -> None:
        """`name` is a file of `store/lua` without its ending."""
        self.name = name
        self.text = resources.files("receiver.store").joinpath("lua", f"{name}.lua").read_text("utf-8")
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Connection:
    """The pool, the scripts and the durability that was asked for.

    The client's own retries are off: after a lost answer they would apply a command twice (reliability M5).
    """

    def __init__(self, url: str, namespace: str, *, durability: str = "fsync", replicas: int = 0) -> None:
        """`url` is redis://, rediss:// or unix://; `durability` and `replicas` as in the configuration."""
        self.keys = Keys(namespace)
        self.url = url
        self.durability = durability
        self.replicas = replicas
        self.level = "unknown"
        """What the server really promises: fsync, waitaof, replicas, everysec, memory."""
        self.pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=32,
            timeout=COMMAND_LIMIT,
            decode_responses=True,
            socket_timeout=COMMAND_LIMIT,
            socket_connect_timeout=CONNECT_LIMIT,
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            retry_on_error=[],
            health_check_interval=0,
        )
        # The client's types allow for bytes everywhere; with decode_responses there are none.
        self.client: Any = Redis(connection_pool=self.pool)

    @property
    def met(self) -> bool:
        """Whether the server promises what was asked for; replicas are waited for with each write."""
        return self.durability != "fsync" or self.level in ("fsync", "waitaof")

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
        await self.pool.disconnect()

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[Any]:
        """Run commands; every failure and every delay beyond the limit becomes StoreAway."""
        try:
            async with asyncio.timeout(COMMAND_LIMIT + 0.3):
                yield self.client
        except (RedisError, OSError, TimeoutError) as error:
            # After a failover the pool would keep talking to the server that was primary once.
            await self.pool.disconnect(inuse_connections=False)
            raise StoreAway(f"{type(error).__name__}: {str(error)[:120]}") from None

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply. Raises StoreAway."""
        async with self.guarded() as client:
            return await self._eval(client, script, keys, args)

    async def write(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply once what it wrote is as durable as was asked for. Raises StoreAway."""
        if self.level in ("fsync", "everysec", "memory", "unknown") and not self.replicas:
            return await self.run(script, keys, args)
        async with self.guarded(), self.client.client() as one:
            reply = await self._eval(one, script, keys, args)
            await self._settle(one)
            return reply

    async def confirm(self) -> None:
        """Make sure that what was read is durable as well.

        With fsync before every answer it is. Elsewhere only a write on this connection can be waited for.
        """
        if self.level in ("fsync", "everysec", "memory", "unknown") and not self.replicas:
            return
        async with self.guarded(), self.client.client() as one:
            await one.set(self.keys.named("fence"), "1")
            await self._settle(one)

    async def _settle(self, one: Any) -> None:
        if self.level == "waitaof" and (await one.execute_command("WAITAOF", 1, self.replicas, 800))[0] < 1:
            raise TimeoutError("not yet on disk")
        if self.replicas and await one.execute_command("WAIT", self.replicas, 800) < self.replicas:
            raise TimeoutError("too few replicas have it")

    async def _eval(self, client: Any, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return await client.evalsha(script.sha, len(keys), *keys, *args)
        except NoScriptError:
            await client.script_load(script.text)
            return await client.evalsha(script.sha, len(keys), *keys, *args)

    def pipeline(self, client: Any) -> Any:
        """Return a pipeline without MULTI: one round trip, no promise."""
        return client.pipeline(transaction=False)

    async def inspect(self) -> str:
        """Find out which durability the server gives, keep it as `level` and return it. Raises StoreAway.

        `fsync` when the append-only file is synced before each answer; `waitaof` where the server can be asked
        to wait for the disk; else what is left.
        """
        async with self.guarded() as client:
            if self.durability == "memory":
                self.level = "memory"
                return self.level
            info = await client.info("persistence")
            aof = str(info.get("aof_enabled", "0")) == "1"
            try:
                mode = (await client.config_get("appendfsync")).get("appendfsync", "")
            except RedisError:
                mode = ""  # a user without the right to CONFIG; WAITAOF still tells
            if aof and mode == "always":
                self.level = "fsync"
            elif aof and await self._can_wait(client):
                self.level = "waitaof"
            else:
                self.level = "everysec" if aof else "memory"
        return self.level

    async def _can_wait(self, client: Any) -> bool:
        try:
            await client.execute_command("WAITAOF", 0, 0, 1)
        except RedisError:
            return False
        return True
