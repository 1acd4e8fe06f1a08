"""Responses that are the same for everyone for a moment: their bytes are written again without the application.

For a request for the status page, routing, middlewares and response headers take more CPU than all the rest. Except for
the date, the bytes are those that aiohttp wrote the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiohttp import hdrs, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.web_request import BaseRequest

from receiver.web.http.compression import takes_gzip
from receiver.web.http.error_responses import FOR_ALL
from receiver.web.http.ready_answer import ReadyAnswer

MOMENT = web.ResponseKey("moment", object)
"""Marks a response to a GET that is the same for everyone as long as that object is the current moment."""
KEPT = 32
LARGEST = 256 * 1024
"""Maximum number of cached responses, and their size: invented paths and languages take no more memory."""


class _Known(NamedTuple):
    tag: str
    whole: ReadyAnswer
    unchanged: ReadyAnswer
    """For a client that already has it (304)."""


class SharedAnswer(ReadyAnswer):
    """A response of which everything except the date is known."""

    def __init__(self, head: str, body: bytes) -> None:
        """`head`: the status line and the headers, each with its line end."""
        self._head = head.encode("latin-1")
        self._content = body

    def written(self) -> bytes:
        """Return the complete response, with the current second as its date."""
        return b"%bDate: %b\r\n\r\n%b" % (self._head, rfc822_formatted_time().encode(), self._content)


class SharedAnswers:
    """The shared responses of one application."""

    def __init__(self, present: Callable[[], object]) -> None:
        """`present` returns the current moment; a new one invalidates everything in the cache."""
        self._present = present
        self._moment: object = None
        self._known: dict[tuple[str, str | None, bool], _Known] = {}

    def find(self, request: BaseRequest) -> ReadyAnswer | None:
        """Return the response to a request of the usual form (`takes_ready`); None if it is not cached."""
        if not self._known or request.method != hdrs.METH_GET or request.can_read_body:
            return None
        found = self._known.get(_key_of(request))
        if found is None:
            return None
        if self._present() is not self._moment:
            self._known.clear()
            return None
        known = request.headers.get(hdrs.IF_NONE_MATCH)
        return found.unchanged if known is not None and found.tag in known else found.whole

    def keep(self, request: BaseRequest, response: web.StreamResponse) -> None:
        """Cache the application's response to `request`, if it is the same for everyone."""
        if not isinstance(response, web.Response) or MOMENT not in response or request.method != hdrs.METH_GET:
            return
        body, tag = response.body, response.headers.get(hdrs.ETAG)
        if not isinstance(body, bytes) or response.status != 200 or tag is None or len(body) > LARGEST:
            return
        moment = response[MOMENT]
        if moment is not self._moment or len(self._known) >= KEPT:
            self._known.clear()
            self._moment = moment
        length = (hdrs.CONTENT_LENGTH, str(len(body)))
        own = (hdrs.CONTENT_LENGTH, hdrs.DATE, hdrs.SERVER)
        said = [(name, value) for name, value in response.headers.items() if name not in own]
        said += [(name, value) for name, value in FOR_ALL.items() if name not in response.headers]
        bare = [(name, value) for name, value in said if name not in (hdrs.CONTENT_TYPE, hdrs.CONTENT_ENCODING)]
        whole = SharedAnswer(_head("200 OK", [*said, length]), body)
        self._known[_key_of(request)] = _Known(tag, whole, SharedAnswer(_head("304 Not Modified", bare), b""))


def _key_of(request: BaseRequest) -> tuple[str, str | None, bool]:
    headers = request.headers
    packed = takes_gzip(headers.get(hdrs.ACCEPT_ENCODING, ""))
    return request.raw_path, headers.get(hdrs.ACCEPT_LANGUAGE), packed


def _head(status: str, headers: Sequence[tuple[str, str]]) -> str:
    return f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)


SHARED = web.AppKey("shared", SharedAnswers)
"""The key under which an application stores them."""
