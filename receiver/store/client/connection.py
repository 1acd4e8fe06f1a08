"""The client of the store: connections by kind of work, short deadlines, no retries, named conditions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.exceptions import MovedError, NoScriptError, RedisError

from receiver.loop_time import LoopTime
from receiver.model.store_address import Node, StoreKind
from receiver.store.client import server_check
from receiver.store.client.cluster_locator import Cluster, place
from receiver.store.client.command_batches import CommandBatches
from receiver.store.client.connection_lanes import SIZES, ConnectionLanes, Lane, current_lane, lane
from receiver.store.client.lua_script import Form
from receiver.store.client.lua_script import Script as Script
from receiver.store.client.primary_locator import Locator
from receiver.store.client.sentinel_locator import Sentinels
from receiver.store.client.server_check import ServerWarning
from receiver.store.client.store_endpoint import Endpoint, endpoint
from receiver.store.client.store_errors import Contended as Contended
from receiver.store.client.store_errors import IncidentUnreadable as IncidentUnreadable
from receiver.store.client.store_errors import (
    NotDurable,
    StorePrimaryDown,
    StoreReadOnly,
    StoreSlotMoved,
    StoreSlow,
    StoreUnreachable,
    StoreUnsupported,
    condition_of,
)
from receiver.store.client.store_errors import Overloaded as Overloaded
from receiver.store.client.store_errors import StoreAway as StoreAway
from receiver.store.client.write_durability import Settling
from receiver.store.keys import Keys

COMMAND_LIMIT = 1.2
"""Seconds of loop time, and 0.3 for a connection: together below the 2 s of a webhook's answer (surfaces.md)."""
BATCHED = 400
"""Arguments up to which a script travels with other commands: a larger one would hold them up."""
CONNECT_LIMIT = 0.3
ELSEWHERE = (StoreUnreachable, StoreReadOnly, StorePrimaryDown, StoreSlotMoved)
"""Conditions of a server that may no longer be the primary: what is connected to it is of no more use."""


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
        kind = self.endpoint.address.kind
        sentinels = Sentinels(self.endpoint, self.time) if kind is StoreKind.SENTINEL else None
        self._guide = Cluster(self.endpoint, self.keys, self.time) if kind is StoreKind.CLUSTER else sentinels
        self._in_cluster = kind is StoreKind.CLUSTER
        self.locator = Locator(self._guide.find) if self._guide else None
        """Where the primary is; None where the address is that of one server."""
        if self.locator is not None:
            self.locator.moved = self._moved
        self._settling = Settling(replicas, sentinels, several=self.locator is not None)
        self.moves = 0
        """How often another server has become the primary."""
        self._looked_at: Node | None = None
        self._may_ask = False
        self._bulkheads = {
            kind: ConnectionLanes(self.endpoint, size, self.time, self.locator) for kind, size in SIZES.items()
        }
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
    def is_another(self) -> bool:
        """Whether the server is another one than that which was inspected."""
        return self.locator is not None and self._looked_at != self.locator.where

    async def close(self) -> None:
        """Close every connection, once what is on its way has been answered."""
        for batches in self._batches.values():
            await batches.end()
        for bulkhead in self._bulkheads.values():
            await bulkhead.close()
        if self._guide is not None and self.locator is not None:
            await self.locator.close()
            await self._guide.close()

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
        self._settling.begin_anew()
        self._close_idle()

    def _close_idle(self) -> None:
        for bulkhead in self._bulkheads.values():
            bulkhead.close_idle()

    async def _following(self, act: Callable[[], Awaitable[Any]]) -> Any:
        # MOVED says where the slot is now, and that nothing was executed.
        with suppress(StoreSlotMoved):
            return await act()
        return await act()

    async def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together and return their replies, errors among them; to be called inside `guarded`."""
        return await self._bulkheads[current_lane()].exchange(commands)

    async def read_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the replies to commands that are sent together; to be called inside `guarded`.

        Raises the first error among them. It takes half the CPU of a pipeline (ConnectionLanes.exchange).
        """
        replies = await self.exchange(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def call(self, *command: Any) -> Any:
        """Return the reply to one command, which travels with what others of this lane ask now. Raises StoreAway."""
        if self.locator is None:
            return await self._call(command)
        return await self._following(lambda: self._call(command))

    def ask(self, *commands: Sequence[Any]) -> asyncio.Future[list[Any]]:
        """Return a future of the replies to commands that are sent together, for `checked`; it raises StoreAway.

        A task for each of them would cost more than the commands do.
        """
        if self.locator is None:
            batches = self._batches[current_lane()]
            return asyncio.gather(*[batches.call(*command) for command in commands])
        return asyncio.gather(*[self.call(*command) for command in commands])

    def checked(self, replies: Sequence[Any]) -> Sequence[Any]:
        """Return `replies`. Raises StoreAway where one of them is an error."""
        for reply in replies:
            if isinstance(reply, Exception):
                raise self._condition(reply)
        return replies

    async def read(self, kind: Lane, limit: float, *command: Any) -> Any:
        """Return the reply to one command on the connections of `kind`.

        Raises StoreAway; TimeoutError after `limit` seconds of wall-clock time. For what must cost as little as it can:
        it needs neither a context for the lane nor a timer of its own.
        """
        if self.locator is None:
            return await self._read(kind, limit, command)
        return await self._following(lambda: self._read(kind, limit, command))

    async def _read(self, kind: Lane, limit: float, command: Sequence[Any]) -> Any:
        reply = await self.time.within(limit, self._batches[kind].call(*command))
        if isinstance(reply, Exception):
            raise self._condition(reply)
        return reply

    async def _call(self, command: Sequence[Any]) -> Any:
        reply = await self._batches[current_lane()].call(*command)
        if isinstance(reply, Exception):
            raise self._condition(reply)
        return reply

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply. Raises StoreAway."""
        if self.locator is None:
            return await self._run(script.plain, keys, args)
        return await self._following(lambda: self._run(self._form(script), keys, args))

    async def _run(self, form: Form, keys: Sequence[str], args: Sequence[Any]) -> Any:
        if len(args) <= BATCHED:
            batches = self._batches[current_lane()]
            reply = await batches.call("EVALSHA", form.sha, len(keys), *keys, *args)
            if isinstance(reply, NoScriptError):
                # Its text, which the store keeps: each round trip more would never end with a store that is slow.
                reply = await batches.call("EVAL", form.text, len(keys), *keys, *args)
            if isinstance(reply, Exception):
                raise self._condition(reply)
            return reply
        async with self.guarded():
            (reply,) = await self._eval(form, keys, args, [])
            return reply

    async def write(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply once what it wrote is as durable as was asked for. Raises StoreAway."""
        if self.level != "waitaof" and not self.replicas:
            if self.locator is None:
                return await self._run(script.plain, keys, args)
            return await self.run(script, keys, args)
        self._settling.on_disk, self._settling.replicas = self.level == "waitaof", self.replicas
        return await self._following(lambda: self._write(self._form(script), keys, args))

    async def _write(self, form: Form, keys: Sequence[str], args: Sequence[Any]) -> Any:
        async with self.guarded():
            moves = self.moves
            primary = self.locator.where or await self.locator.node() if self.locator is not None else None
            reply, *settled = await self._eval(form, keys, args, self._settling.commands())
            try:
                await self._settling.check(settled, primary, self._info)
                self._stayed(moves)
            except NotDurable:
                if self.locator is not None:
                    self.locator.doubt()
                raise
            return reply

    async def _info(self) -> Mapping[str, Any] | None:
        (info,) = await self.exchange([("INFO", "replication")])
        return info if isinstance(info, dict) else None

    def _stayed(self, moves: int) -> None:
        # What a server had that is the primary no longer may be nowhere else.
        if self.moves != moves:
            raise NotDurable("another server is the primary now")

    @property
    def confirms(self) -> bool:
        """Whether `confirm` has something to do."""
        return self.level == "waitaof" or bool(self.replicas)

    async def confirm(self, moves: int) -> None:
        """Make sure that what was read is durable as well: a write behind it is. Raises NotDurable, StoreAway.

        `moves`: the count of `moves` before it was read. What was read at another server is not confirmed by this one.
        With fsync before every answer, and no replica asked for, nothing needs to be confirmed.
        """
        if self.confirms:
            await self.write(PROBE_WHEN_FULL, [self.keys.named("fence")], [])
            self._stayed(moves)

    async def _eval(
        self, form: Form, keys: Sequence[str], args: Sequence[Any], behind: Sequence[Sequence[Any]]
    ) -> list[Any]:
        # The replies to the script and to the commands behind it; one round trip, unless the script is not known yet.
        commands = [("EVALSHA", form.sha, len(keys), *keys, *args), *behind]
        replies = await self.exchange(commands)
        if isinstance(replies[0], NoScriptError):
            replies = await self.exchange([("EVAL", form.text, len(keys), *keys, *args), *behind])
        if isinstance(replies[0], Exception):
            raise replies[0]
        return replies

    def _form(self, script: Script) -> Form:
        return script.in_cluster if self._in_cluster else script.plain

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
            self._looked_at = self.locator.where if self.locator is not None else None
        why = server_check.unfit(answers, self.endpoint.address)
        if why:
            raise StoreUnsupported(why)
        self.level = server_check.level(self.durability, answers)
        self.evicts = bool(answers.evicts)
        self._may_ask = answers.info is not None
        self._settling.seen(answers.info or {})
        kind = self.endpoint.address.kind
        self.warnings = tuple(server_check.warnings(self.durability, self.replicas, answers, kind))
        return self.level

    async def count_replicas(self) -> None:
        """Look how many replicas there are, where that matters. Raises StoreAway."""
        if self._settling.counts and self._may_ask:
            async with self.guarded() as client:
                self._settling.seen(await client.info("replication"))

    async def _try_script(self, client: Any) -> None:
        # A server that does not say its version: whether it reads the scripts is what the version tells.
        try:
            await client.script_load(PROBE_WHEN_FULL.plain.text)
        except RedisError as error:
            condition = condition_of(error)
            if isinstance(condition, StoreUnsupported):
                raise condition from None
