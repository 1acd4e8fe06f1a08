"""The client of the store: connections by kind of work, short deadlines, no retries, named conditions."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from receiver.loop_time import LoopTime
from receiver.store import server_check
from receiver.store.bulkhead import SIZES, Bulkhead, Lane, current_lane, lane
from receiver.store.command_batches import CommandBatches
from receiver.store.conditions import Contended as Contended
from receiver.store.conditions import IncidentUnreadable as IncidentUnreadable
from receiver.store.conditions import (
    NotDurable,
    StorePrimaryDown,
    StoreReadOnly,
    StoreSlotMoved,
    StoreSlow,
    StoreUnreachable,
    StoreUnsupported,
    condition_of,
)
from receiver.store.conditions import Overloaded as Overloaded
from receiver.store.conditions import StoreAway as StoreAway
from receiver.store.endpoint import Endpoint, endpoint
from receiver.store.keys import Keys
from receiver.store.server_check import ServerWarning

COMMAND_LIMIT = 1.2
"""Seconds of loop time, and 0.3 for a connection: together below the 2 s of a webhook's answer (surfaces.md)."""
BATCHED = 400
"""Arguments up to which a script travels with other commands: a larger one would hold them up."""
CONNECT_LIMIT = 0.3
ELSEWHERE = (StoreUnreachable, StoreReadOnly, StorePrimaryDown, StoreSlotMoved)
"""Conditions of a server that may no longer be the primary: what is connected to it is of no more use."""


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
        self,
        where: str | Endpoint,
        namespace: str,
        *,
        durability: str = "fsync",
        replicas: int = 0,
        time: LoopTime | None = None,
    ) -> None:
        """`where`: an address (`redis.url`), or that and how to speak; the rest as in the configuration."""
        self.keys = Keys(namespace)
        self.endpoint = endpoint(where) if isinstance(where, str) else where
        self.url = self.endpoint.address.url
        self.durability = durability
        self.replicas = replicas
        self.level = "unknown"
        """What the server really promises: fsync, waitaof, everysec, memory; unseen where it may not be asked."""
        self.evicts = False
        """Whether the server drops keys when its memory is full."""
        self.warnings: tuple[ServerWarning, ...] = ()
        """What people should know of the server, as it was last seen."""
        self.time = time or LoopTime()
        self._bulkheads = {kind: Bulkhead(self.endpoint, size, self.time) for kind, size in SIZES.items()}
        self._batches = {kind: CommandBatches(kind, self) for kind in Lane}

    @property
    def client(self) -> Any:
        """The client of the present lane, without deadlines."""
        return self._bulkheads[current_lane()].client

    @property
    def met(self) -> bool:
        """Whether nothing is known to fall short of what was asked for; replicas are waited for with each write."""
        durable = (*server_check.DURABLE, server_check.CANNOT_BE_SEEN)
        return not self.evicts and (self.durability != "fsync" or self.level in durable)

    @property
    def _settles(self) -> bool:
        return self.level == "waitaof" or self.replicas > 0

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
                raise self._condition(error) from None

    def _condition(self, error: Exception) -> StoreAway:
        condition = condition_of(error)
        if isinstance(condition, ELSEWHERE):
            for bulkhead in self._bulkheads.values():
                bulkhead.close_idle()
        return condition

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together and return their replies, errors among them; to be called inside `guarded`."""
        return await self._bulkheads[current_lane()].exchange(commands)

    async def call(self, *command: Any) -> Any:
        """Return the reply to one command, which travels with what others of this lane ask now. Raises StoreAway."""
        reply = await self._batches[current_lane()].call(*command)
        if isinstance(reply, Exception):
            raise self._condition(reply)
        return reply

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply. Raises StoreAway."""
        if len(args) <= BATCHED:
            reply = await self._batches[current_lane()].call("EVALSHA", script.sha, len(keys), *keys, *args)
            if not isinstance(reply, Exception):
                return reply
            if not isinstance(reply, NoScriptError):
                raise self._condition(reply)
        async with self.guarded() as client:
            return await self._eval(client, script, keys, args)

    async def write(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply once what it wrote is as durable as was asked for. Raises StoreAway."""
        if not self._settles:
            return await self.run(script, keys, args)
        async with self.guarded() as client, client.client() as one:
            reply = await self._eval(one, script, keys, args)
            await self._settle(one)
            return reply

    async def confirm(self) -> None:
        """Make sure that what was read is durable as well.

        With fsync before every answer it is. Elsewhere only a write on this connection can be waited for.
        """
        if not self._settles:
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
            await client.script_load(script.text)
            return await client.evalsha(script.sha, len(keys), *keys, *args)

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
        """Find out what the server is and promises; keep it as `level`, `evicts` and `warnings`, and return the level.

        Raises StoreAway; StoreUnsupported where it is a server that cannot be the store.
        """
        async with self.guarded() as client:
            answers = await server_check.ask(client)
            if not answers.version:
                await self._try_script(client)
        why = server_check.unfit(answers, self.endpoint.address)
        if why:
            raise StoreUnsupported(why)
        self.level = server_check.level(self.durability, answers)
        self.evicts = bool(answers.evicts)
        kind = self.endpoint.address.kind
        self.warnings = tuple(server_check.warnings(self.durability, self.replicas, answers, kind))
        return self.level

    async def _try_script(self, client: Any) -> None:
        # A server that does not say its version: whether it reads the scripts is what the version tells.
        try:
            await client.script_load(PROBE_WHEN_FULL.text)
        except RedisError as error:
            condition = condition_of(error)
            if isinstance(condition, StoreUnsupported):
                raise condition from None
