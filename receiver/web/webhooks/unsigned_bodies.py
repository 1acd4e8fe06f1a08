"""Bodies whose signature can be checked only once they are complete: limits their size, duration and number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web

from receiver.web.http.body_reader import read_body
from receiver.web.http.client_address import client_of
from receiver.web.http.error_responses import Refusal

LIMIT = 2.0
"""Seconds for a body of at most 256 KiB: vendors send it with the head, in one piece."""
AT_ONCE = 64
FROM_ONE_PEER = 16


class UnsignedBodies:
    """The bodies that are being read. If there are too many, the oldest one of the peer with the most is dropped.

    A stranger's delayed body is older than a genuine request, which arrives at once, so no one is locked out.
    """

    def __init__(self, proxies: Callable[[], Sequence[str]]) -> None:
        """`proxies` are the networks in `server.trusted_proxies`."""
        self.proxies = proxies
        self._reading: dict[str, dict[asyncio.Timeout, None]] = {}

    async def read(self, request: web.Request, most: int) -> bytes:
        """Return the body. Raises Refusal: 413 above `most` bytes, 408 if it is slow or dropped, 400, 415."""
        if request.content_length is not None and request.content_length > most:
            raise Refusal(413, "too_large", f"the body is larger than {most} bytes")
        peer = client_of(request, self.proxies())
        self._make_room(peer)
        mine = asyncio.timeout(None)
        try:
            async with mine:
                self._reading.setdefault(peer, {})[mine] = None
                return await read_body(request, most, LIMIT)
        except TimeoutError:
            said = "another request took its place; send it again, in one piece"
            raise Refusal(408, "crowded_out", said, headers={"Connection": "close"}) from None
        finally:
            self._forget(peer, mine)

    def _make_room(self, peer: str) -> None:
        if len(self._reading.get(peer, ())) >= FROM_ONE_PEER:
            self._give_up(peer)
        elif sum(map(len, self._reading.values())) >= AT_ONCE:
            self._give_up(max(self._reading, key=lambda name: len(self._reading[name])))

    def _give_up(self, peer: str) -> None:
        oldest = next(iter(self._reading[peer]))
        self._forget(peer, oldest)
        oldest.reschedule(0)  # a time in the past: at the next iteration of the loop

    def _forget(self, peer: str, one: asyncio.Timeout) -> None:
        bodies = self._reading.get(peer, {})
        bodies.pop(one, None)
        if not bodies:
            self._reading.pop(peer, None)
