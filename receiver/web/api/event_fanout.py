"""Sends each change to all event streams: rendered once, and written to each connection without its task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from receiver.model.incident.incident import Incident
from receiver.review.other_incidents import others_of
from receiver.web.auth.tokens import Caller
from receiver.web.http.error_responses import Refusal

BEHIND = 1000
"""Maximum number of queued changes per listener; a slower listener is disconnected, and connects again."""
SLICE = 250
"""Maximum number of listeners that are written to before other work of the loop has its turn."""

Render = Callable[[Incident], bytes]


@dataclass(frozen=True)
class EventKind:
    """What a stream sends."""

    render: Render
    beat: Callable[[], bytes]
    """What is sent when nothing has changed for a while."""
    names_others: bool
    """Whether an event names other incidents, which its listener may not see: then the store may have to be asked."""


class Listener:
    """One open stream. What its connection does not take at once is queued for its task."""

    def __init__(self, request: web.Request, allowed: Callable[[], Caller], kind: EventKind) -> None:
        """`allowed` returns the caller as of now; it raises Refusal once the listener may not listen anymore."""
        self.request = request
        self.allowed = allowed
        self.kind = kind
        self.queue: deque[Incident] = deque()
        self.over = False
        self._writer: AbstractStreamWriter | None = None
        self._woken = asyncio.Event()

    async def wait(self, writer: AbstractStreamWriter, seconds: float) -> bool:
        """Wait until there is work for the task; meanwhile, changes are written to the connection at once.

        Returns False when `seconds` have passed.
        """
        if not self.queue and not self.over:
            self._woken.clear()
            self._writer = writer
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            self._writer = None
        return True

    def end(self) -> None:
        """End the stream; what is queued is dropped."""
        self.over = True
        self.queue.clear()
        self._wake()

    def take(self, news: _Round) -> None:
        """Write one change to the connection, or queue it."""
        if self.over:
            return
        try:
            caller = self.allowed()
        except Refusal:
            return self.end()
        if not caller.sees(news.incident):
            return None
        writer = self._writer
        if writer is None or (self.kind.names_others and news.others) or not self._written(writer, news):
            self._queue(news.incident)
        return None

    def _written(self, writer: AbstractStreamWriter, news: _Round) -> bool:
        transport = self.request.transport
        if transport is None or transport.is_closing():
            self.end()
            return True
        if transport.get_write_buffer_size():
            return False
        plain, chunk = news.rendered(self.kind.render)
        transport.write(chunk if getattr(writer, "chunked", False) else plain)
        return True

    def _queue(self, incident: Incident) -> None:
        if len(self.queue) >= BEHIND:
            return self.end()
        self.queue.append(incident)
        return self._wake()

    def _wake(self) -> None:
        self._writer = None
        self._woken.set()


@dataclass
class _Round:
    """One change, and the listeners that are still to be told of it."""

    incident: Incident
    left: Iterator[Listener]
    others: bool
    """Whether it names other incidents."""
    _rendered: dict[Render, tuple[bytes, bytes]] = field(default_factory=dict)

    def rendered(self, render: Render) -> tuple[bytes, bytes]:
        """Return the event as it is, and as a chunk of a response."""
        found = self._rendered.get(render)
        if found is None:
            piece = render(self.incident)
            found = self._rendered[render] = piece, b"%x\r\n%b\r\n" % (len(piece), piece)
        return found


class Fanout:
    """The open streams of one replica."""

    def __init__(self) -> None:
        """Create it without listeners."""
        self._open: dict[Listener, None] = {}
        self._rounds: deque[_Round] = deque()

    def __bool__(self) -> bool:
        """Return whether there is a listener."""
        return bool(self._open)

    def add(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on."""
        self._open[listener] = None

    def remove(self, listener: Listener) -> None:
        """Tell `listener` of no further change."""
        self._open.pop(listener, None)

    def end(self) -> None:
        """End every stream."""
        for listener in list(self._open):
            self._open.pop(listener)
            listener.end()

    def tell(self, incident: Incident) -> None:
        """Send a change to every listener, a slice of them in each turn of the loop."""
        if not self._open:
            return
        self._rounds.append(_Round(incident, iter(tuple(self._open)), bool(others_of(incident))))
        if len(self._rounds) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        current, told = self._rounds[0], 0
        try:
            for listener in islice(current.left, SLICE):
                told += 1
                listener.take(current)
        except BaseException:
            told = SLICE  # one that cannot be told of it keeps it from no other
            raise
        finally:
            if told < SLICE:
                self._rounds.popleft()
            if self._rounds:
                asyncio.get_running_loop().call_soon(self._turn)
