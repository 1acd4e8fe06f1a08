"""The HTTP server under an application: limits connections, sets deadlines for responses, and rejects bad requests."""

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
"""Seconds within which a client must read a response, and ..."""
SLOWEST = 100_000
"""... the number of bytes for which it gets another second, for large reports over slow connections."""
WATCH = 0.5
"""Seconds between two checks of responses in progress: each is cut off at most this much too late."""
SETTLE = 0.2
"""Seconds after which the limit of a peer is checked: many connections of one sender that arrive at the same time may
all be about to send a token."""

SEGMENTS = 32
"""Maximum number of path segments; no route has more than eight, and routing time grows with their square."""


IDLE = {
    None: ConnectionState.STRANGER_IDLE,
    False: ConnectionState.CALLER_IDLE,
    True: ConnectionState.SENDER_IDLE,
}
"""The state of a connection between two requests, by the token of the last one (`Connection.shown`)."""

READY = frozenset({ReadyAnswer, SharedAnswer})
"""The types of responses that are written unchanged."""
_STRANGER_BUSY, _CALLER_BUSY, _SENDER_BUSY = (
    ConnectionState.STRANGER_BUSY, ConnectionState.CALLER_BUSY, ConnectionState.SENDER_BUSY
)  # fmt: skip

log = structlog.get_logger("receiver.web")


class Connection(RequestHandler):
    """One connection. The listener stores its peer, its state, and whether it had a valid token."""

    def __init__(self, server: HttpServer, **more: Any) -> None:
        """`more`: the arguments of aiohttp's own class."""
        super().__init__(server, **more)
        self.listener = server.listener
        self.peer = ""
        self.shown: bool | None = None
        """Whether the current request had the token of a sender (True) or another valid token (False)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; if the limit is reached, the first one in the order of eviction is closed."""
        super().connection_made(transport)
        # A response counts as written once the kernel has all of it: `WRITE_LIMIT` then covers the last byte, too.
        cast(asyncio.Transport, transport).set_write_buffer_limits(0)
        self.listener.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection."""
        self.listener.table.remove(self)
        super().connection_lost(exc)

    def begin(self) -> None:
        """Note that a request is being answered."""
        self.shown = None
        self.listener.table.move(self, _STRANGER_BUSY)

    def trust(self, *, sender: bool) -> None:
        """Note that the current request had a valid token; `sender`: the token of a sender of alerts."""
        self.shown = sender or bool(self.shown)
        # The token of an event stream is checked before each event, and the connection stays a stream.
        if self.listener.table.standing(self) is not ConnectionState.STREAMING:
            self.listener.table.move(self, _SENDER_BUSY if self.shown else _CALLER_BUSY)

    def abort(self) -> None:
        """Close the connection at once; unwritten data is dropped."""
        if self.transport is not None:
            self.transport.abort()

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the response within the deadline; return it, and whether the connection is lost."""
        try:
            # By its type: responses are an abstract class, of which each `isinstance` takes half a microsecond.
            if type(resp) in READY:
                done: tuple[web.StreamResponse, bool] = (resp, await self._write_ready(cast(ReadyAnswer, resp)))
            elif isinstance(resp, _Rejection):
                return resp, self._reject(resp)
            else:
                done = await self._finish(request, resp, start_time)
            if self._messages:
                # A connection with many pipelined requests takes turns with other connections.
                await asyncio.sleep(0)
            return done
        finally:
            self.listener.table.move(self, IDLE[self.shown])

    def takes_ready(self, request: BaseRequest) -> bool:
        """Return whether a ReadyAnswer may be sent for `request` of this connection."""
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
        # Returns whether the connection is lost. Usually the kernel accepts all of it at once, and nothing waits.
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
        """Return the response to a request that the parser rejects; neither it nor the log repeats the request."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has already started")
        kind = type(exc).__name__
        reason = REASONS.get(kind, OTHER)
        if status == web.HTTPBadRequest.status_code:
            self.listener.rejections.note(reason, self.peer)
        else:
            # Not a parser error, but one that even the middleware did not catch.
            log.error("request_crashed", error=kind, status=status)
        return _Rejection(reason, status)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an internal failure with the type of the error only, because its text may contain the request."""
        log.error("connection_failed", error=type(kw.get("exc_info")).__name__)

    def _reject(self, rejection: _Rejection) -> bool:
        transport = self.transport
        if transport is not None:
            transport.write(answer_to(rejection.why, rejection.status))
            # It is closed once that is written, without waiting for a client that does not read.
            asyncio.get_running_loop().call_later(WRITE_LIMIT, transport.abort)
        return True


class _Rejection(web.Response):
    """Represents the response to a rejected request."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(status=status)
        self.why = why


class Listener:
    """The shared state of the connections of one address."""

    def __init__(
        self, name: str, caps: Caps, rejections: Rejections, metrics: Metrics, proxies: Callable[[], Sequence[str]],
        prefix: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        """`proxies` are the networks in `server.trusted_proxies`; `prefix` is removed from paths."""
        self.name = name
        self.table: ConnectionTable[Connection] = ConnectionTable(caps)
        self.rejections = rejections
        self.metrics = metrics
        self.proxies = proxies
        self.prefix = prefix
        self._settling: set[str] = set()
        self._writing: dict[Connection, int] = {}
        """The number of checks that a response in progress has left; suspended time does not count."""
        self._watching = False

    def add(self, connection: Connection) -> None:
        """Add a new connection, and close the one that has to end for it."""
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
        """Close `connection` unless its response is written within `limit` seconds.

        All are checked together, because a timer for each response costs as much as the response's headers.
        """
        self._writing[connection] = math.ceil(limit / WATCH) + 1
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(WATCH, self._watch)

    def written(self, connection: Connection) -> None:
        """Note that the response of `connection` was written, or that it has ended."""
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
    """aiohttp's server with our own connection class."""

    def __init__(self, made: web.Server, listener: Listener, shared: SharedAnswers | None = None, **more: Any) -> None:
        """Create it for an application; `more` is passed to each connection.

        `shared`: responses that the application need not create again.
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
    """Return whether a ReadyAnswer may be sent for `request`: it came through an HttpServer, in the usual form."""
    return isinstance(request.protocol, Connection) and request.protocol.takes_ready(request)
