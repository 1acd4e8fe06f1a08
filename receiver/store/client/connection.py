"""The client of the store: commands and scripts without retries, and writes with the configured durability."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import NoScriptError

from receiver.loop_time import LoopTime
from receiver.store.client.command_batches import CommandBatches
from receiver.store.client.connection_lanes import Lane, current_lane
from receiver.store.client.guarded_client import GuardedClient
from receiver.store.client.lua_script import PROBE_WHEN_FULL, Form
from receiver.store.client.lua_script import Script as Script
from receiver.store.client.server_inspection import ServerInspection
from receiver.store.client.store_endpoint import Endpoint, endpoint
from receiver.store.client.store_errors import Contended as Contended
from receiver.store.client.store_errors import IncidentUnreadable as IncidentUnreadable
from receiver.store.client.store_errors import NotDurable, StoreSlotMoved
from receiver.store.client.store_errors import Overloaded as Overloaded
from receiver.store.client.store_errors import StoreAway as StoreAway
from receiver.store.client.write_durability import Settling

BATCHED = 400
"""Maximum number of arguments of a script that is batched with other commands: a larger one would delay them."""


class Connection(GuardedClient):
    """Runs commands and scripts with the configured durability."""

    def __init__(
        self,
        where: str | Endpoint,
        namespace: str,
        *,
        durability: str = "fsync",
        replicas: int = 0,
        time: LoopTime | None = None,
    ) -> None:
        """`where`: an address (`redis.url`), or an address with options; the rest as in the configuration."""
        super().__init__(endpoint(where) if isinstance(where, str) else where, namespace, time or LoopTime())
        self._settling = Settling(replicas, self.sentinels, several=self.locator is not None)
        self.server = ServerInspection(self, self._settling, durability, replicas)
        """The inspection of the server."""
        self._batches = {kind: CommandBatches(kind, self) for kind in Lane}

    async def close(self) -> None:
        """Close every connection, after running commands were answered."""
        for batches in self._batches.values():
            await batches.end()
        await super().close()

    def _moved(self) -> None:
        self._settling.begin_anew()
        super()._moved()

    async def _following(self, act: Callable[[], Awaitable[Any]]) -> Any:
        # MOVED contains the new node of the slot, and means that nothing was executed.
        with suppress(StoreSlotMoved):
            return await act()
        return await act()

    async def call(self, *command: Any) -> Any:
        """Return the reply to one command, batched with other commands of this lane. Raises StoreAway."""
        if self.locator is None:
            return await self._call(command)
        return await self._following(lambda: self._call(command))

    def ask(self, *commands: Sequence[Any]) -> asyncio.Future[list[Any]]:
        """Return a future of the replies to batched commands, for `checked`; it raises StoreAway.

        A task for each of them would cost more than the commands do.
        """
        if self.locator is None:
            batches = self._batches[current_lane()]
            return asyncio.gather(*[batches.call(*command) for command in commands])
        return asyncio.gather(*[self.call(*command) for command in commands])

    async def read(self, kind: Lane, limit: float, *command: Any) -> Any:
        """Return the reply to one command on the connections of `kind`.

        Raises StoreAway; TimeoutError after `limit` seconds of wall-clock time. For calls that must be as cheap as
        possible: it needs neither a context for the lane nor its own timer.
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
                # Sends its text, which the store keeps: a further round trip might never finish with a slow store.
                reply = await batches.call("EVAL", form.text, len(keys), *keys, *args)
            if isinstance(reply, Exception):
                raise self._condition(reply)
            return reply
        async with self.guarded():
            (reply,) = await self._eval(form, keys, args, [])
            return reply

    async def write(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the script's reply once its writes have the configured durability. Raises StoreAway."""
        server = self.server
        if server.level != "waitaof" and not server.replicas:
            if self.locator is None:
                return await self._run(script.plain, keys, args)
            return await self.run(script, keys, args)
        self._settling.on_disk, self._settling.replicas = server.level == "waitaof", server.replicas
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
        # Data of a server that is no longer the primary may exist nowhere else.
        if self.moves != moves:
            raise NotDurable("another server is the primary now")

    @property
    def confirms(self) -> bool:
        """Whether `confirm` has something to do."""
        return self.server.level == "waitaof" or bool(self.server.replicas)

    async def confirm(self, moves: int) -> None:
        """Ensure that data that was read is durable too, through a write after it. Raises NotDurable, StoreAway.

        `moves`: the count of `moves` before the read. Data read from another server is not confirmed by this one. With
        fsync before every answer and no required replica, nothing needs to be confirmed.
        """
        if self.confirms:
            await self.write(PROBE_WHEN_FULL, [self.keys.named("fence")], [])
            self._stayed(moves)

    async def _eval(
        self, form: Form, keys: Sequence[str], args: Sequence[Any], behind: Sequence[Sequence[Any]]
    ) -> list[Any]:
        # The replies to the script and to the commands after it; one round trip, unless the server lacks the script.
        commands = [("EVALSHA", form.sha, len(keys), *keys, *args), *behind]
        replies = await self.exchange(commands)
        if isinstance(replies[0], NoScriptError):
            replies = await self.exchange([("EVAL", form.text, len(keys), *keys, *args), *behind])
        if isinstance(replies[0], Exception):
            raise replies[0]
        return replies

    def _form(self, script: Script) -> Form:
        return script.in_cluster if self.in_cluster else script.plain
