"""A proxy in front of one replica's store: slow or cut off, while others reach the store normally."""

from __future__ import annotations

import asyncio
import contextlib

from tests.load.slow_store import SlowStore


class FaultProxy(SlowStore):
    """Forwards everything, after an optional delay; a replica that is cut off loses its connections."""

    _is_cut = False

    def cut(self) -> None:
        """Close all connections and accept none, like a network failure."""
        self._is_cut = True
        for copy in list(self._copies):
            copy.cancel()

    def mend(self) -> None:
        """Forward everything again."""
        self._is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        with contextlib.suppress(ConnectionError):
            await super()._serve(reader, writer)


class VendorProxy:
    """A proxy in front of one replica's vendors, which can hold back the replica's requests."""

    def __init__(self, port: int) -> None:
        """`port`: the port of the vendors on the loopback."""
        self.port = port
        self.kept = 0
        """Requests, or parts of one, that were held back."""
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def keep_back(self) -> None:
        """Forward nothing from now on."""
        self._goes_on.clear()

    def go_on(self) -> None:
        """Forward everything, beginning with the data that was held back."""
        self._goes_on.set()

    async def __aenter__(self) -> VendorProxy:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        vendor, to_vendor = await asyncio.open_connection("127.0.0.1", self.port)
        copies = [
            asyncio.create_task(self._copy(reader, to_vendor, held=True)),
            asyncio.create_task(self._copy(vendor, writer, held=False)),
        ]
        self._tasks.update(copies)
        for copy in copies:
            copy.add_done_callback(self._tasks.discard)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool) -> None:
        try:
            with contextlib.suppress(OSError):
                while content := await reader.read(1 << 16):
                    if held and not self._goes_on.is_set():
                        self.kept += 1
                        await self._goes_on.wait()
                    writer.write(content)
                    await writer.drain()
        finally:
            writer.close()
