"""Reads the body of a webhook, with limits for its type, its encoded and decoded size, and its duration."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

from aiohttp import web

from receiver.web.http.error_responses import Refusal

BODY_LIMIT = 10.0
"""Seconds within which a body must arrive."""
CODINGS = {"": 0, "identity": 0, "gzip": 31, "x-gzip": 31, "deflate": 15}
"""Supported content codings, and zlib's parameter for each; 0: not encoded."""


async def expect(request: web.Request) -> None:
    """Delay `100 Continue` until the body is needed (`read_body`): a refused client need not send it."""


def check_head(request: web.Request, most: int) -> None:
    """Raise Refusal unless the headers announce JSON of at most `most` bytes in a supported coding: 415, 413."""
    if "Content-Type" not in request.headers or request.content_type != "application/json":
        raise Refusal(415, "media_type", "the body must be application/json")
    _window(request)
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most)


async def read_body(
    request: web.Request,
    most: int,
    limit: float = BODY_LIMIT,
    measured: Callable[[int], None] = lambda size: None,
) -> bytes:
    """Return the decoded body, which must arrive within `limit` seconds; `measured` is called as it grows.

    Raises Refusal: 415 for an unknown coding, 413 above `most` bytes, 408 if it is slow, 400 if it is incomplete.

    The server itself must not decode (`auto_decompress=False`): a bomb would be decompressed before it is measured.
    """
    window = _window(request)
    try:
        whole = request.content.is_eof() and "Expect" not in request.headers
        if whole and not window:
            return _plain(request.content.read_nowait(), most, measured)
        decoder = _Decoder(window, most)
        if whole:
            # It is already complete, as in nearly all cases: no deadline is needed.
            decoder.feed(request.content.read_nowait())
            measured(decoder.size)
            return decoder.end()
        async with asyncio.timeout(limit):
            if request.headers.get("Expect", "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            async for chunk in request.content.iter_any():
                decoder.feed(chunk)
                measured(decoder.size)
    except TimeoutError:
        raise Refusal(
            408, "too_slow", f"the body took longer than {limit:g} s", headers={"Connection": "close"}
        ) from None
    except (web.RequestPayloadError, OSError):
        raise Refusal(400, "cut_off", "the body is incomplete") from None
    return decoder.end()


def _window(request: web.Request) -> int:
    # Endpoints of forms read without `check_head`, so an unknown coding is refused here too, and is not an internal
    # error.
    if "Content-Encoding" not in request.headers:
        return 0
    coding = ",".join(request.headers.getall("Content-Encoding", [])).strip().lower()
    if coding not in CODINGS:
        raise Refusal(415, "content_coding", "the body may be plain, gzip or deflate")
    return CODINGS[coding]


def _plain(body: bytes, most: int, measured: Callable[[int], None]) -> bytes:
    if len(body) > most:
        raise _too_large(most)
    measured(len(body))
    return body


def _too_large(most: int) -> Refusal:
    return Refusal(413, "too_large", f"the body is larger than {most} bytes")


class _Decoder:
    """Receives a body in pieces, and never stores more than one byte above the limit."""

    def __init__(self, window: int, most: int) -> None:
        self._window = window
        self._most = most
        self._zip = zlib.decompressobj(window) if window else None
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """The number of received bytes."""
        return self._size

    def feed(self, chunk: bytes) -> None:
        if self._zip is None:
            self._keep(chunk)
            return
        if (
            not self._size
            and not self._pieces
            and self._window == CODINGS["deflate"]
            and chunk
            and chunk[0] & 0x0F != 8
        ):
            self._zip = zlib.decompressobj(-15)  # "deflate" without the zlib wrapper, as some clients send it
        try:
            self._keep(self._zip.decompress(chunk, self._most - self._size + 1))
        except zlib.error:
            raise Refusal(400, "bad_coding", "the body does not match its Content-Encoding") from None
        if self._zip.unused_data:
            raise Refusal(400, "bad_coding", "the body has data after its end")

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise _too_large(self._most)
        self._pieces.append(piece)

    def end(self) -> bytes:
        if self._zip is not None and not self._zip.eof:
            raise Refusal(400, "bad_coding", "the compressed body is incomplete")
        return b"".join(self._pieces)
