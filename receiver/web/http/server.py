"""The HTTP server under an application: connections within caps, answers within a deadline, rejections of our own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from receiver.metrics import Metrics
from receiver.web.http.client_address import is_trusted, peer_of
from receiver.web.http.connection_table import ConnectionState, ConnectionTable
from receiver.web.http.file_descriptors import Caps
from receiver.web.http.parser_rejections import OTHER, REASONS, TOO_LONG, Rejections, answer_to
from receiver.web.http.path_prefix import without_prefix
from receiver.web.http.ready_answer import ReadyAnswer
from receiver.web.http.shared_answers import SharedAnswer, SharedAnswers

WRITE_LIMIT = 10.0
"""Seconds in which an answer must be taken by its reader, and ..."""
SLOWEST = 100_000
"""... a second more for each so many bytes: a report of some MB may go over a slow line."""
WATCH = 0.5
"""Seconds between two looks at the answers that are being written: each is cut off late by this at most."""
SETTLE = 0.2
"""Seconds after which the cap of a peer is looked at: many connections of one sender that arrive at once may all be
about to show a token."""

SEGMENTS = 32
"""Parts of a path; no route has more than eight, and looking for one takes the square of their number."""


IDLE = {
    None: ConnectionState.STRANGER_IDLE,
    False: ConnectionState.CALLER_IDLE,
    True: ConnectionState.SENDER_IDLE,
}
"""What a connection is between two requests, by the token that the last one carried (`Connection.shown`)."""

READY = frozenset({ReadyAnswer, SharedAnswer})
"""The types of answers that are written as they are."""
_STRANGER_BUSY, _CALLER_BUSY, _SENDER_BUSY = (
    ConnectionState.STRANGER_BUSY, ConnectionState.CALLER_BUSY, ConnectionState.SENDER_BUSY
)  # fmt: skip

log = structlog.get_logger("receiver.web")


class Connection(RequestHandler):
    """One connection. Its peer, what it is doing and whether it carried a good token are known to the listener."""

    def __init__(self, server: HttpServer, **more: Any) -> None:
        """`more` is what aiohttp's own takes."""
        super().__init__(server, **more)
        self.listener = server.listener
        self.peer = ""
        self.shown: bool | None = None
        """Whether the request under way carried the token of a sender (True) or another good one (False)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; where there is no room the one that ends first is cut off."""
        super().connection_made(transport)
        # An answer counts as written once the kernel has all of it: then `WRITE_LIMIT` covers the last byte too.
        cast(asyncio.Transport, transport).set_write_buffer_limits(0)
        self.listener.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self.listener.table.remove(self)
        super().connection_lost(exc)

    def begin(self) -> None:
        """Note that a request is being answered."""
        self.shown = None
        self.listener.table.move(self, _STRANGER_BUSY)

    def trust(self, *, sender: bool) -> None:
        """Note that the request under way carried a good token; `sender`: one of those who send alerts."""
        self.shown = sender or bool(self.shown)
        self.listener.table.move(self, _SENDER_BUSY if self.shown else _CALLER_BUSY)

    def abort(self) -> None:
        """Cut the connection off: what has not been written is dropped."""
        if self.transport is not None:
            self.transport.abort()

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the answer within the deadline; return it, and whether the connection is lost."""
        try:
            # By its type: responses are an abstract class, of which each `isinstance` takes half a microsecond.
            if type(resp) in READY:
                done: tuple[web.StreamResponse, bool] = (resp, await self._write_ready(cast(ReadyAnswer, resp)))
            elif isinstance(resp, _Rejection):
                return resp, self._reject(resp)
            else:
                done = await self._finish(request, resp, start_time)
            if self._messages:
                # A pipe full of requests that need not wait for anything takes turns with the other connections.
                await asyncio.sleep(0)
            return done
        finally:
            self.listener.table.move(self, IDLE[self.shown])

    def takes_ready(self, request: BaseRequest) -> bool:
        """Return whether `request`, which is one of this connection, may be answered with a ReadyAnswer."""
        return request.version == HttpVersion11 and request.keep_alive and not self._upgraded

    async def _finish(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self.listener.writing(self, WRITE_LIMIT + (resp.content_length or 0) / SLOWEST)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.listener.written(self)

    async def _write_ready(self, resp: ReadyAnswer) -> bool:
        # Returns whether the connection is lost. Nearly always the kernel takes all of it at once, and nobody waits.
        transport = self.transport
        if transport is None or transport.is_closing():
            return True
        transport.write(resp.written())
        if transport.get_write_buffer_size():
            self.listener.writing(self, WRITE_LIMIT)
            try:
                await self._drain_helper()
            except ConnectionError:
                return True
            finally:
                self.listener.written(self)
        return False

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what the parser refuses; neither it nor the log repeats what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has already started")
        kind = type(exc).__name__
        reason = REASONS.get(kind, OTHER)
        if status == web.HTTPBadRequest.status_code:
            self.listener.rejections.note(reason, self.peer)
        else:
            # Not the parser: something that even the middleware has not caught.
            log.error("request_spoiled", error=kind, status=status)
        return _Rejection(reason, status)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log that something failed here, by the kind of the error: its text may hold what was sent."""
        log.error("connection_failed", error=type(kw.get("exc_info")).__name__)

    def _reject(self, rejection: _Rejection) -> bool:
        transport = self.transport
        if transport is not None:
            transport.write(answer_to(rejection.why, rejection.status))
            # It is closed once that is written; a client that does not read is not waited for.
            asyncio.get_running_loop().call_later(WRITE_LIMIT, transport.abort)
        return True


class _Rejection(web.Response):
    """Stands for the answer to a rejected request."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(status=status)
        self.why = why


class Listener:
    """What the connections of one address share."""

    def __init__(
        self, name: str, caps: Caps, rejections: Rejections, metrics: Metrics, proxies: Callable[[], Sequence[str]],
        prefix: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        """`proxies` are the networks that `server.trusted_proxies` names; `prefix` is taken off paths."""
        self.name = name
        self.table: ConnectionTable[Connection] = ConnectionTable(caps)
        self.rejections = rejections
        self.metrics = metrics
        self.proxies = proxies
        self.prefix = prefix
        self._settling: set[str] = set()
        self._writing: dict[Connection, int] = {}
        """How many looks an answer that is being written has left; time in which this process stands still is none."""
        self._watching = False

    def add(self, connection: Connection) -> None:
        """Take in a new connection, and cut off the one that has to end for it."""
        where = connection.peername
        address = where[0] if isinstance(where, tuple) else ""
        connection.peer = peer_of(address)
        victim = self.table.add(connection, connection.peer, capped=not is_trusted(address, self.proxies()))
        if victim is not None:
            self._evict(victim)
        if connection.peer not in self._settling and self.table.crowded(connection.peer):
            self._settling.add(connection.peer)
            asyncio.get_running_loop().call_later(SETTLE, self._settle, connection.peer)

    def writing(self, connection: Connection, limit: float) -> None:
        """Cut `connection` off unless its answer is written within `limit` seconds.

        One look at all of them, since a timer for each answer costs as much as the answer's head.
        """
        self._writing[connection] = math.ceil(limit / WATCH) + 1
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(WATCH, self._watch)

    def written(self, connection: Connection) -> None:
        """Note that the answer of `connection` was written, or that it has ended."""
        self._writing.pop(connection, None)

    def _watch(self) -> None:
        for connection in self._writing:
            self._writing[connection] -= 1
        for connection in [one for one, left in self._writing.items() if left <= 0]:
            self.written(connection)
            self.metrics.cut_off.labels(self.name, "unread").inc()
            connection.abort()
        self._watching = bool(self._writing)
        if self._watching:
            asyncio.get_running_loop().call_later(WATCH, self._watch)

    def _settle(self, peer: str) -> None:
        self._settling.discard(peer)
        for connection in self.table.excess(peer):
            self._evict(connection)

    def _evict(self, connection: Connection) -> None:
        self.metrics.cut_off.labels(self.name, "crowded").inc()
        connection.abort()


class HttpServer(web.Server):
    """aiohttp's server with connections of ours."""

    def __init__(self, made: web.Server, listener: Listener, shared: SharedAnswers | None = None, **more: Any) -> None:
        """Take over what an application has made; `more` goes to each connection.

        `shared`: answers that the application need not make again.
        """
        self.listener = listener
        self._more = more
        handle, make = made.request_handler, made.request_factory

        def factory(message: RawRequestMessage, *more: Any) -> BaseRequest:
            return make(without_prefix(message, listener.prefix()), *more)

        async def begun(request: BaseRequest) -> web.StreamResponse:
            protocol = request.protocol
            if isinstance(protocol, Connection):
                protocol.begin()
                if request.rel_url.raw_path.count("/") > SEGMENTS:
                    listener.rejections.note(TOO_LONG, protocol.peer)
                    return _Rejection(TOO_LONG)
                if shared is not None and protocol.takes_ready(request):
                    if (known := shared.find(request)) is not None:
                        return known
                    made_now = await handle(request)
                    shared.keep(request, made_now)
                    return made_now
            return await handle(request)

        super().__init__(begun, request_factory=factory, handler_cancellation=made.handler_cancellation)

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._more)


def takes_ready(request: BaseRequest) -> bool:
    """Return whether `request` may be answered with a ReadyAnswer: it came in by an HttpServer, in the usual form."""
    return isinstance(request.protocol, Connection) and request.protocol.takes_ready(request)
