"""An answer whose bytes are known: it is written to the connection as it is, and may be given to many requests.

aiohttp makes a response for each request and puts its headers together again, which is a tenth of the CPU of a repeated
notification. The bytes are those that aiohttp would write.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from receiver.web.http.error_responses import FOR_ALL

_HEAD = "".join(f"{name}: {value}\r\n" for name, value in FOR_ALL.items())
_HEAD = f"HTTP/1.1 200 OK\r\n{_HEAD}Content-Type: application/json\r\nContent-Length: "


class ReadyAnswer(web.StreamResponse):
    """A JSON value as the answer 200 to a request of HTTP/1.1 whose connection is kept open (`takes_ready`)."""

    def __init__(self, value: Any) -> None:
        """Write `value`. What aiohttp keeps in a response is left out: many of these are kept, and none is changed."""
        self.value = orjson.dumps(value)

    @property
    def keep_alive(self) -> bool:
        """Return True: the connection is kept open."""
        return True

    def written(self) -> bytes:
        """Return the whole answer, with the present second as its date."""
        head = f"{_HEAD}{len(self.value)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
        return head.encode("ascii") + self.value
