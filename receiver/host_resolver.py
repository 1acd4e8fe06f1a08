"""Resolves host names to addresses, in threads that nothing else uses."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """The resolver of one set of connections.

    The loop has few common threads, and a name server that does not answer, or parsing a large body, may block all of
    them for many seconds, which would delay pages.
    """

    def __init__(self, at_once: int) -> None:
        """`at_once`: maximum number of concurrent lookups. Threads are started when needed."""
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`. Raises OSError."""
        look = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=int(address[1]), family=kind, proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, address in found
        ]  # fmt: skip

    async def close(self) -> None:
        """End the idle threads; one with a lookup in progress ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
