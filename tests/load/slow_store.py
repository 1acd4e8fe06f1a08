"""A proxy in front of the store that adds latency to each round trip, like a distant store or a slow disk."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path

READ = 1 << 20


class SlowStore:
    """Listens on a unix socket and forwards everything to the store's own socket.

    Data that a client sends at once (a command, or a pipeline) is forwarded after a delay between `least` and `most`
    seconds; the response is forwarded at once. The order is kept, and connections do not delay each other: the proxy
    adds latency without limiting bandwidth. Both delays may be changed while it runs.
    """

    def __init__(self, folder: Path, store: Path, name: str = "slow") -> None:
        """`store` is the store's socket; the proxy's socket is created in `folder`, whose path must be short."""
        self.socket = folder / name
        self.store = store
        self.least = self.most = 0.0
        self._server: asyncio.Server | None = None
        self._copies: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    def delay(self, least: float, most: float | None = None) -> None:
        """Add that many seconds to each later round trip."""
        self.least, self.most = least, least if most is None else most

    async def __aenter__(self) -> SlowStore:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.socket, limit=READ)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        assert self._server is not None
        self._server.close()
        copies = list(self._copies)
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_store, to_store = await asyncio.open_unix_connection(self.store, limit=READ)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(_copy(from_store, writer))
        forth = asyncio.create_task(_copy_late(reader, to_store, self._delayed))
        self._copies |= {back, forth}
        await asyncio.wait({back, forth}, return_when=asyncio.FIRST_COMPLETED)
        for one in (back, forth):
            one.cancel()
            self._copies.discard(one)
        for each in (writer, to_store):
            each.close()

    def _delayed(self) -> float:
        return random.uniform(self.least, self.most)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(READ):
            writer.write(content)
            await writer.drain()


async def _copy_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[], float]) -> None:
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def pass_on() -> None:
        while True:
            due, content = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(content)
            await writer.drain()

    passing = asyncio.create_task(pass_on())
    try:
        with contextlib.suppress(OSError):
            while content := await reader.read(READ):
                queue.put_nowait((loop.time() + delay(), content))
    finally:
        passing.cancel()
