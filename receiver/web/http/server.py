"""The HTTP server under an application: connections within caps, answers within a deadline, rejections of our own."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from receiver.metrics import Metrics
from receiver.web.http.client_address import is_trusted, peer_of
from receiver.web.http.connection_table import ConnectionState, ConnectionTable
from receiver.web.http.file_descriptors import Caps
from receiver.web.http.parser_rejections import OTHER, REASONS, TOO_LONG, Rejections, answer_to

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

ACCEPTS = 4
"""Connections that are accepted in one turn of the loop; each costs a look at every handle."""

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
        self.listener.table.move(self, ConnectionState.STRANGER_BUSY)

    def trust(self, *, sender: bool) -> None:
        """Note that the request under way carried a good token; `sender`: one of those who send alerts."""
        self.shown = sender or bool(self.shown)
        self.listener.table.move(self, ConnectionState.SENDER_BUSY if self.shown else ConnectionState.CALLER_BUSY)

    def abort(self) -> None:
        """Cut the connection off: what has not been written is dropped."""
        if self.transport is not None:
            self.transport.abort()

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the answer within the deadline; return it, and whether the connection is lost."""
        try:
            if isinstance(resp, _Rejection):
                return resp, self._reject(resp)
            self.listener.writing(self, WRITE_LIMIT + (resp.content_length or 0) / SLOWEST)
            done = await super().finish_response(request, resp, start_time)
            if self._messages:
                # A pipe full of requests that need not wait for anything takes turns with the other connections.
                await asyncio.sleep(0)
            return done
        finally:
            self.listener.written(self)
            standings = {
                None: ConnectionState.STRANGER_IDLE,
                False: ConnectionState.CALLER_IDLE,
                True: ConnectionState.SENDER_IDLE,
            }
            self.listener.table.move(self, standings[self.shown])

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what the parser refuses; neither it nor the log repeats what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
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
        self, name: str, caps: Caps, rejections: Rejections, metrics: Metrics, proxies: Callable[[], Sequence[str]]
    ) -> None:
        """`proxies` are the networks that `server.trusted_proxies` names."""
        self.name = name
        self.table: ConnectionTable[Connection] = ConnectionTable(caps)
        self.rejections = rejections
        self.metrics = metrics
        self.proxies = proxies
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

    def __init__(self, made: web.Server, listener: Listener, **more: Any) -> None:
        """Take over what an application has made; `more` goes to each connection."""
        self.listener = listener
        self._more = more
        handle = made.request_handler

        async def begun(request: BaseRequest) -> web.StreamResponse:
            protocol = request.protocol
            if isinstance(protocol, Connection):
                protocol.begin()
                if request.rel_url.raw_path.count("/") > SEGMENTS:
                    listener.rejections.note(TOO_LONG, protocol.peer)
                    return _Rejection(TOO_LONG)
            return await handle(request)

        super().__init__(begun, request_factory=made.request_factory, handler_cancellation=made.handler_cancellation)

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._more)


class Runner(web.AppRunner):
    """Runs an application behind an HttpServer."""

    def __init__(self, app: web.Application, listener: Listener, **more: Any) -> None:
        """`more` is what aiohttp's own takes."""
        super().__init__(app, **more)
        self._listener = listener

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return HttpServer(made, self._listener, **made._kwargs)


def same_sockets(runner: web.AppRunner) -> list[socket.socket]:
    """Return further handles of the sockets on which `runner` listens.

    libuv accepts one connection a handle in each turn of the loop. With one handle a loop that has much to do leaves
    new connections waiting for seconds, a probe of the kubelet among them.
    """
    sockets = [one for site in runner.sites for one in site._server.sockets]  # type: ignore[union-attr]
    return [socket.socket(fileno=os.dup(one.fileno())) for one in sockets for _ in range(ACCEPTS - 1)]


def mark_trusted(request: BaseRequest, *, sender: bool) -> None:
    """Note that `request` carried a good token, so that its connection is kept; `sender`: it may send alerts."""
    if isinstance(request.protocol, Connection):
        request.protocol.trust(sender=sender)
