"""The path of one replica to the store, with its faults."""

from __future__ import annotations

import asyncio
import random
import socket
from enum import StrEnum
from pathlib import Path
from typing import Any

import hiredis

from tests.simulation.virtual_loop import VirtualLoop


class Way(StrEnum):
    """The state of the path to the store."""

    OPEN = "open"
    REFUSED = "refused"
    """Connections are reset and refused: the server does not run."""
    LOST = "lost"
    """Nothing arrives, in either direction: packets are dropped."""
    DEAF = "deaf"
    """Commands are executed; responses are lost."""
    PAUSED = "paused"
    """The server is stopped: it executes pending commands when it continues, although no client waits for them any
    more."""
    SLOW = "slow"
    """Each round trip takes longer."""


class StorePath:
    """Listens on a unix socket and forwards everything to the store's own socket, according to `way`."""

    def __init__(self, loop: VirtualLoop, folder: Path, name: str, store: str, chance: random.Random) -> None:
        """`store` is the store's socket; the proxy's socket is created in `folder`, whose path must be short."""
        self.loop = loop
        self.socket = folder / name
        self.store = store
        self.way = Way.OPEN
        self.delay = (0.0, 0.0)
        self.chance = chance
        self._pairs: set[_Client] = set()
        self._server: asyncio.AbstractServer | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    async def open(self) -> None:
        """Listen."""
        self._server = await self.loop.create_unix_server(lambda: _Client(self), str(self.socket))

    async def close(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for pair in list(self._pairs):
            pair.abort()

    def set(self, way: Way, delay: tuple[float, float] = (0.0, 0.0)) -> None:
        """Set the state of the path; `delay`: minimum and maximum seconds of a round trip."""
        before, self.way, self.delay = self.way, way, delay
        if way is Way.REFUSED or before in (Way.LOST, Way.DEAF):
            for pair in list(self._pairs):
                pair.abort()
        if before is Way.PAUSED and way is not Way.PAUSED:
            for pair in list(self._pairs):
                pair.go_on()


class _Client(asyncio.Protocol):
    """A connection of the replica, with its connection to the store."""

    def __init__(self, path: StorePath) -> None:
        self.path = path
        self.near: Any = None
        self.far: Any = None
        self.held: list[bytes] = []
        self.waiting = False
        self.left = False
        self.ended = False
        self.due = 0.0
        self.commands = hiredis.Reader()
        """Parses the commands to the store, which responds only to complete commands."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.near = transport
        if self.path.way is Way.REFUSED:
            self.near.abort()
            return
        door = socket.socket(socket.AF_UNIX)
        door.connect(self.path.store)
        door.setblocking(False)
        self.path._pairs.add(self)
        self._connecting = self.path.loop.create_task(self._connect(door))

    async def _connect(self, door: socket.socket) -> None:
        await self.path.loop.create_connection(lambda: _Server(self), sock=door)
        if self.path.way is not Way.PAUSED:
            self.go_on()  # a closed connection forwards nothing

    def data_received(self, data: bytes) -> None:
        way, loop = self.path.way, self.path.loop
        if way is Way.LOST:
            return
        if way is Way.PAUSED or self.far is None or self.held:
            self.held.append(data)
        elif way is Way.SLOW:
            # In order, regardless of the delay of each.
            self.due = max(self.due, loop.time() + self.path.chance.uniform(*self.path.delay))
            loop.call_at(self.due, self._late, data)
        else:
            self.forward(data)

    def _late(self, data: bytes) -> None:
        if self.path.way is Way.PAUSED:
            self.held.append(data)
        elif self.path.way not in (Way.REFUSED, Way.LOST):
            self.forward(data)

    def forward(self, data: bytes) -> None:
        """Forward the replica's data to the store."""
        if self.far is None or self.far.is_closing():
            return
        self.commands.feed(data)
        whole = False
        while self.commands.gets() is not False:
            whole = True
        if whole:
            self._wait(True)
        self.far.write(data)

    def go_on(self) -> None:
        """Forward the held data, even if the replica has disconnected."""
        held, self.held = b"".join(self.held), []
        if held and self.far is not None:
            self.forward(held)
        elif self.left:
            self.abort()

    def answer(self, data: bytes) -> None:
        """Forward the store's data to the replica."""
        self._wait(False)
        if self.left:
            self.abort()
        elif self.path.way not in (Way.LOST, Way.DEAF, Way.REFUSED):
            self.near.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.left = True
        if not (self.held or self.waiting):
            self.abort()

    def abort(self) -> None:
        """Abort both connections."""
        self.ended = True
        self._wait(False)
        self.path._pairs.discard(self)
        for one in (self.near, self.far):
            if one is not None:
                one.abort()

    def _wait(self, waiting: bool) -> None:
        if waiting != self.waiting:
            self.waiting = waiting
            self.path.loop.outside += 1 if waiting else -1


class _Server(asyncio.Protocol):
    def __init__(self, client: _Client) -> None:
        self.client = client

    def connection_made(self, transport: Any) -> None:
        if self.client.ended:
            transport.abort()  # while it was connecting: nobody would close it
            return
        self.client.far = transport

    def data_received(self, data: bytes) -> None:
        self.client.answer(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.abort()
