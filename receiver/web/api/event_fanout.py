"""Sends each change to all event streams: rendered once, and written to each connection without its task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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

Seen = tuple[Incident, ...]


@dataclass(frozen=True, eq=False)
class EventKind:
    """What a stream sends."""

    render: Callable[[Incident], bytes]
    beat: Callable[[], bytes]
    """What is sent when nothing has changed for a while."""
    whole: bool
    """Whether an event has the whole incident. Then it may name others, which its listener may not see, so that the
    store may have to be asked. Otherwise, changes of one incident that are sent together are one event."""


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

    def take(self, batch: Batch) -> None:
        """Write the changes to the connection, or queue them."""
        if self.over:
            return
        try:
            seen = batch.seen_by(self.allowed())
            if seen and ((self.kind.whole and batch.names_others) or not self._written(batch, seen)):
                self._queue(seen)
        except Refusal:
            self.end()

    def _written(self, batch: Batch, seen: Seen) -> bool:
        writer, transport = self._writer, self.request.transport
        if writer is None:
            return False
        if transport is None or transport.is_closing():
            self.end()
            return True
        if transport.get_write_buffer_size():
            return False
        plain, chunk = batch.rendered(self.kind, seen)
        transport.write(chunk if getattr(writer, "chunked", False) else plain)
        return True

    def _queue(self, seen: Seen) -> None:
        if len(self.queue) + len(seen) > BEHIND:
            return self.end()
        self.queue.extend(seen)
        return self._wake()

    def _wake(self) -> None:
        self._writer = None
        self._woken.set()


class Batch:
    """Changes that are sent together, and the listeners that are still to be told of them."""

    def __init__(self, incidents: Seen, listeners: Iterable[Listener]) -> None:
        """Nothing is rendered before a listener needs it."""
        self.incidents = incidents
        self.left = iter(listeners)
        self.names_others = any(map(others_of, incidents))
        self._seen: dict[Caller, Seen] = {}
        self._rendered: dict[tuple[EventKind, tuple[int, ...]], tuple[bytes, bytes]] = {}
        self._pieces: dict[tuple[EventKind, int], bytes] = {}

    def seen_by(self, caller: Caller) -> Seen:
        """Return the changes that `caller` may see."""
        found = self._seen.get(caller)
        if found is None:
            found = tuple(filter(caller.sees, self.incidents))
            found = self._seen[caller] = self.incidents if len(found) == len(self.incidents) else found
        return found

    def rendered(self, kind: EventKind, seen: Seen) -> tuple[bytes, bytes]:
        """Return the events as they are, and as a chunk of a response."""
        key = kind, () if seen is self.incidents else tuple(map(id, seen))
        found = self._rendered.get(key)
        if found is None:
            pieces = [self._piece(kind, one) for one in seen]
            text = b"".join(pieces if kind.whole else dict.fromkeys(pieces))
            found = self._rendered[key] = text, b"%x\r\n%b\r\n" % (len(text), text)
        return found

    def _piece(self, kind: EventKind, incident: Incident) -> bytes:
        key = kind, id(incident)
        if key not in self._pieces:
            self._pieces[key] = kind.render(incident)
        return self._pieces[key]


class Fanout:
    """The open streams of one replica."""

    def __init__(self) -> None:
        """Create it without listeners."""
        self._open: dict[Listener, None] = {}
        self._news: list[Incident] = []
        self._batch: Batch | None = None

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
        """Send a change to every listener, a slice of them in each iteration of the event loop.

        Changes that arrive before all listeners have received it are then sent together: the busier the replica is, the
        less a change costs.
        """
        if not self._open:
            return
        self._news.append(incident)
        if self._batch is None and len(self._news) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        if self._batch is None:
            news, self._news = tuple(self._news), []
            self._batch = Batch(news, tuple(self._open))
        told, listener = 0, None
        try:
            for listener in islice(self._batch.left, SLICE):
                told += 1
                listener.take(self._batch)
        except BaseException:
            told = SLICE  # the other listeners still get the batch
            if listener is not None:
                # Its client connects again with `Last-Event-ID`, and misses no change of the batch.
                listener.end()
            raise
        finally:
            if told < SLICE:
                self._batch = None
            if self._batch is not None or self._news:
                asyncio.get_running_loop().call_soon(self._turn)
