"""Compresses responses with gzip for clients that accept it; text shrinks to a tenth."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.web.http.ready_answer import ReadyAnswer

SMALLEST = 1024
"""Minimum size in bytes for compression to be useful."""
LARGEST_INLINE = 32 * 1024
"""Maximum size that is compressed in the event loop, in less than a millisecond; a thread compresses more."""
KEPT = 32
"""Maximum number of cached compressed bodies of responses that are the same for everyone."""
LEVEL = 5
KINDS = (
    "application/json", "application/problem+json", "application/atom+xml", "application/rss+xml", "image/svg+xml",
    "text/html", "text/markdown", "text/css", "text/javascript",
)  # fmt: skip
SAME = web.ResponseKey("same_for_everybody", bool)
"""Marks a response whose body is the same object for the next caller."""
SECRET = b'name="word"'
"""Found in a page with a form token: if compressed together with others' text, its size would reveal the token
(BREACH)."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def takes_gzip(accepted: str) -> bool:
    """Return whether an `Accept-Encoding` accepts gzip."""
    for part in accepted.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def packing() -> Middleware:
    """Return the middleware; responses that are the same for everyone are compressed once."""
    kept: OrderedDict[bytes, bytes] = OrderedDict()

    @web.middleware
    async def pack(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if type(response) is ReadyAnswer:
            return response
        body = response.body if isinstance(response, web.Response) else None
        if not isinstance(response, web.Response) or not isinstance(body, bytes) or not _worth(response, body):
            return response
        response.headers.add("Vary", "Accept-Encoding")
        if not takes_gzip(request.headers.get("Accept-Encoding", "")):
            return response
        packed = kept.get(body) if SAME in response else None
        if packed is None:
            packed = await _packed(body)
            if SAME in response:
                kept[body] = packed
                if len(kept) > KEPT:
                    kept.popitem(last=False)
        response.body = packed
        response.headers["Content-Encoding"] = "gzip"
        return response

    return pack


def _worth(response: web.Response, body: bytes) -> bool:
    fits = len(body) >= SMALLEST and response.content_type in KINDS and "Content-Encoding" not in response.headers
    return fits and SECRET not in body


async def _packed(body: bytes) -> bytes:
    if len(body) <= LARGEST_INLINE:
        return gzip.compress(body, LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
