"""The client of the store: connections by kind of work, short deadlines, no retries, named conditions."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from receiver.loop_time import LoopTime
from receiver.store.bulkhead import SIZES, Bulkhead, Lane, current_lane, lane
from receiver.store.command_batches import CommandBatches
from receiver.store.conditions import Contended as Contended
from receiver.store.conditions import IncidentUnreadable as IncidentUnreadable
from receiver.store.conditions import NotDurable, StoreSlow, StoreUnreachable, condition_of
from receiver.store.conditions import Overloaded as Overloaded
from receiver.store.conditions import StoreAway as StoreAway
from receiver.store.keys import Keys

COMMAND_LIMIT = 1.2
"""Seconds of loop time, and 0.3 for a connection: together below the 2 s of a webhook's answer (surfaces.md)."""
BATCHED = 400
"""Arguments up to which a script travels with other commands: a larger one would hold them up."""
CONNECT_LIMIT = 0.3


class Script:
    """A Lua file of this package, called by its hash."""

    def __init__(self, name: str, *, when_full: bool = False) -> None:
        """`name` is a file of `store/lua` without its ending; `when_full`: it runs even when the memory is full."""
        self.name = name
        self.text = resources.files("receiver.store").joinpath("lua", f"{name}.lua").read_text("utf-8")
        if when_full:
            self.text = self.text.replace("#!lua\n", "#!lua flags=allow-oom\n", 1)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


PROBE = Script("probe")
PROBE_WHEN_FULL = Script("probe", when_full=True)


class Connection:
    """The store's connections, the scripts, and the durability that was asked for.

    The client's own retries are off: after a lost answer they would apply a command twice (reliability M5).
    """

    def __init__(
        self, url: str, namespace: str, *, durability: str = "fsync", replicas: int = 0, time: LoopTime | None = None
    ) -> None:
        """`url` is redis://, rediss:// or unix://; `durability` and `replicas` as in the configuration."""
        self.keys = Keys(namespace)
        self.url = url
        self.durability = durability
        self.replicas = replicas
        self.level = "unknown"
        """What the server really promises: fsync, waitaof, replicas, everysec, memory."""
        self.time = time or LoopTime()
        self._bulkheads = {kind: Bulkhead(url, size, self.time) for kind, size in SIZES.items()}
        self._batches = {kind: CommandBatches(kind, self) for kind in Lane}

    @property
    def client(self) -> Any:
        """The client of the present lane, without deadlines."""
        return self._bulkheads[current_lane()].client

    @property
    def met(self) -> bool:
        """Whether the server promises what was asked for; replicas are waited for with each write."""
        return self.durability != "fsync" or self.level in ("fsync", "waitaof")

    async def close(self) -> None:
        """Close every connection, once what is on its way has been answered."""
        for batches in self._batches.values():
            await batches.end()
        for bulkhead in self._bulkheads.values():
            await bulkhead.close()

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[Any]:
        """Run commands on a connection of the present lane.

        Raises StoreAway, by its subclass, for every failure, and for every delay beyond the limit in loop time.
        """
        async with self._bulkheads[current_lane()].turn() as client:
            try:
                async with self.time.deadline(COMMAND_LIMIT + CONNECT_LIMIT):
                    yield client
            except (RedisError, OSError, TimeoutError) as error:
                condition = condition_of(error)
                if isinstance(condition, StoreUnreachable) or "READONLY" in str(condition):
                    for bulkhead in self._bulkheads.values():
                        bulkhead.close_idle()
                raise condition from None

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together and return their replies, errors among them; to be called inside `guarded`."""
        return await self._bulkheads[current_lane()].exchange(commands)

    async def call(self, *command: Any) -> Any:
        """Return the reply to one command, which travels with what others of this lane ask now. Raises StoreAway."""
        reply = await self._batches[current_lane()].call(*command)
        if isinstance(reply, Exception):
            raise condition_of(reply)
        return reply

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply. Raises StoreAway."""
        if len(args) <= BATCHED:
            batches = self._batches[current_lane()]
            reply = await batches.call("EVALSHA", script.sha, len(keys), *keys, *args)
            if isinstance(reply, NoScriptError):
                # Its text, which the store keeps: each round trip more would never end with a store that is slow.
                reply = await batches.call("EVAL", script.text, len(keys), *keys, *args)
            if isinstance(reply, Exception):
                raise condition_of(reply)
            return reply
        async with self.guarded() as client:
            return await self._eval(client, script, keys, args)

    async def write(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply once what it wrote is as durable as was asked for. Raises StoreAway."""
        if self.level in ("fsync", "everysec", "memory", "unknown") and not self.replicas:
            return await self.run(script, keys, args)
        async with self.guarded() as client, client.client() as one:
            reply = await self._eval(one, script, keys, args)
            await self._settle(one)
            return reply

    async def confirm(self) -> None:
        """Make sure that what was read is durable as well.

        With fsync before every answer it is. Elsewhere only a write on this connection can be waited for.
        """
        if self.level in ("fsync", "everysec", "memory", "unknown") and not self.replicas:
            return
        async with self.guarded() as client, client.client() as one:
            await self._eval(one, PROBE_WHEN_FULL, [self.keys.named("fence")], [])
            await self._settle(one)

    async def _settle(self, one: Any) -> None:
        if self.level == "waitaof" and (await one.execute_command("WAITAOF", 1, self.replicas, 800))[0] < 1:
            raise NotDurable("not yet on disk")
        if self.replicas and await one.execute_command("WAIT", self.replicas, 800) < self.replicas:
            raise NotDurable("too few replicas have it")

    async def _eval(self, client: Any, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return await client.evalsha(script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await client.eval(script.text, len(keys), *keys, *args)

    async def round_trips(self, limit: float) -> None:
        """Do what a commit costs in round trips: two reads, and a script that writes durably.

        A server that is read-only or full answers reads, and is away all the same. Raises StoreAway; StoreSlow where
        all of it takes longer than `limit`, in seconds of loop time.
        """
        await self._round_trips(limit, PROBE)

    async def round_trips_when_full(self, limit: float) -> None:
        """Do the same with a script that a server whose memory is full runs as well. Raises as `round_trips`."""
        await self._round_trips(limit, PROBE_WHEN_FULL)

    async def _round_trips(self, limit: float, probe: Script) -> None:
        try:
            with lane(Lane.PROBE):
                async with self.time.deadline(limit):
                    for _ in range(2):
                        async with self.guarded() as client:
                            await client.get(self.keys.named("commits"))
                    await self.write(probe, [self.keys.named("fence")], [])
        except TimeoutError:
            raise StoreSlow(f"three round trips took longer than {limit:g} s") from None

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
