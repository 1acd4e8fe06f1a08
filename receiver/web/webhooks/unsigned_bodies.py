"""Bodies whose signature can be checked only once they are here whole: small, soon, and only so many at once."""

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
    """The bodies that are being read. Where there is no room the oldest one of the peer with most is given up.

    A stranger who holds back a body is older than the genuine request that comes whole, so nobody is locked out.
    """

    def __init__(self, proxies: Callable[[], Sequence[str]]) -> None:
        """`proxies` are the networks that `server.trusted_proxies` names."""
        self.proxies = proxies
        self._reading: dict[str, dict[asyncio.Timeout, None]] = {}

    async def read(self, request: web.Request, most: int) -> bytes:
        """Return the body. Raises Refusal: 413 above `most` bytes, 408 when it is slow or given up, 400, 415."""
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
            said = "another body came first; send it again, in one piece"
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
        oldest.reschedule(0)  # a moment that has passed: at the next turn of the loop

    def _forget(self, peer: str, one: asyncio.Timeout) -> None:
        bodies = self._reading.get(peer, {})
        bodies.pop(one, None)
        if not bodies:
            self._reading.pop(peer, None)
