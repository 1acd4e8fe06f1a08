"""A proxy before the store of one replica: slow, or cut off, while others reach the store as usual."""

from __future__ import annotations

import asyncio
import contextlib

from tests.load.slow_store import SlowStore


class FaultProxy(SlowStore):
    """Passes everything on, with a delay where there is one; a replica that is cut off loses its connections."""

    _is_cut = False

    def cut(self) -> None:
        """End every connection, and accept none, as a network that is gone."""
        self._is_cut = True
        for copy in list(self._copies):
            copy.cancel()

    def mend(self) -> None:
        """Pass everything on again."""
        self._is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        with contextlib.suppress(ConnectionError):
            await super()._serve(reader, writer)
