"""A response whose bytes are known: they are written to the connection unchanged, and may be used for many requests.

aiohttp creates a response for each request and builds its headers again, which is a tenth of the CPU of a repeated
notification. The bytes are the same as aiohttp's.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from receiver.model.base import fitted
from receiver.web.http.error_responses import FOR_ALL

_HEAD = "".join(f"{name}: {value}\r\n" for name, value in FOR_ALL.items())
_HEAD = f"HTTP/1.1 200 OK\r\n{_HEAD}Content-Type: application/json\r\nContent-Length: "


class ReadyAnswer(web.StreamResponse):
    """A JSON value as the 200 response to an HTTP/1.1 request whose connection is kept open (`takes_ready`)."""

    def __init__(self, value: Any) -> None:
        """Create it for `value`. It omits the rest of an aiohttp response: many are cached, and none is changed."""
        self.value = fitted(orjson.dumps(value))

    @property
    def keep_alive(self) -> bool:
        """Return True: the connection is kept open."""
        return True

    def written(self) -> bytes:
        """Return the complete response, with the current second as its date."""
        head = f"{_HEAD}{len(self.value)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
        return head.encode("ascii") + self.value
