"""Limits the number of open event streams, in total and for each person or token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from receiver.web.auth.connection_trust import mark_streaming, stream_room
from receiver.web.auth.tokens import LOCAL, Caller
from receiver.web.http.error_responses import Refusal

EACH = 10
"""Maximum number of streams of one person or token: a browser with a few tabs, and a wall screen."""


class StreamCaps:
    """The streams that are open on one replica."""

    def __init__(self) -> None:
        """Create it without streams."""
        self._open: list[tuple[web.Request, str]] = []
        """The open streams, with the names of their callers."""

    @contextmanager
    def counted(self, request: web.Request, caller: Caller) -> Iterator[None]:
        """Count a stream of `caller` while it is open. Raises Refusal: 429 if the caller has too many, 503 for all.

        A stream that is cut off counts until its connection has ended: a browser that navigates from page to page
        leaves streams behind whose end is detected at the next write.
        """
        live = [name for one, name in self._open if one.transport is not None]
        # Without tokens, all clients on this machine are the same caller.
        if caller is not LOCAL and live.count(caller.name) >= EACH:
            raise Refusal(
                429, "too_many", f"{EACH} streams of this caller are open; close one", headers={"Retry-After": "5"}
            )
        if len(live) >= stream_room(request):
            raise Refusal(503, "too_many", "too many event streams are open; connect again later")
        entry = (request, caller.name)
        self._open.append(entry)
        mark_streaming(request)
        try:
            yield
        finally:
            self._open = [one for one in self._open if one is not entry]
