"""GET /api/v1/events: live changes as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import chain, islice

import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from receiver.config.settings.service_settings import Scope
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.response.upcoming_steps import upcoming
from receiver.store.client.connection import StoreAway
from receiver.web.api.event_fanout import EventKind, Fanout, Listener
from receiver.web.app_keys import AppParts
from receiver.web.auth.stream_caps import StreamCaps
from receiver.web.auth.tokens import Caller, TokenCheck
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import no_query
from receiver.web.incident_queries import shown_to
from receiver.web.json.incident_json import incident_shape

BEAT = 15.0
"""Seconds between two keep-alive comments: shorter than the idle timeout of proxies."""
STUCK = 10.0
"""Seconds that a listener may leave what it was sent unread; then it is cut off. Shorter than `shutdown_grace`."""
STILL = b": still here\n\n"
"""What is sent when nothing has changed for a while."""
PAGE = 50
"""Incidents that are read at once for a listener that reconnects."""
REMEMBERED = 500
"""Maximum number of resolved incidents that are sent to a listener that reconnects."""


class Stream:
    """The listeners of one replica. They get every change that the replica learns of, its own and those of others."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it without listeners."""
        self.parts = parts
        self.gate = gate
        self.caps = StreamCaps()
        self._fanout = Fanout()
        self._incidents = EventKind(self._piece, lambda: STILL, whole=True)
        self._changes = EventKind(_change, self._state, whole=False)

    def changed(self, incident: Incident) -> None:
        """Send a change to every listener; one that is too slow is disconnected."""
        self._fanout.tell(incident)

    def listening(self) -> bool:
        """Return whether there is a listener."""
        return bool(self._fanout)

    async def end(self, app: web.Application) -> None:
        """End every stream, because the service is stopping. The next replica sends the queued changes."""
        self._fanout.end()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Return an `incident` event for each change; its id has the incident and its version.

        An event has the whole state, so a client that reconnects with Last-Event-ID gets the current state of all open
        and recently ended incidents. No change is missed, no matter which replica sent the previous one.
        """
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return await self._stream(request, lambda: self.gate.admit(request, Scope.READ), self._incidents)

    async def changes(self, request: web.Request, allowed: Callable[[], Caller]) -> web.StreamResponse:
        """Return a `change` event, whose data is the incident's id, for each change: for pages of the console.

        `allowed` is called before each event, and raises Refusal once the listener may not listen anymore. Each
        keep-alive is a `state` event with the availability of the store and the number of unavailable pagers, which an
        open page shows.
        """
        return await self._stream(request, allowed, self._changes)

    async def _stream(self, request: web.Request, allowed: Callable[[], Caller], kind: EventKind) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        if self.parts.state.draining:
            raise Refusal(503, "draining", "this replica is stopping; connect again")
        with self.caps.counted(request, allowed()):
            return await self._listen(Listener(request, allowed, kind))

    async def _listen(self, listener: Listener) -> web.StreamResponse:
        request, response = (
            listener.request,
            web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            ),
        )
        self._fanout.add(listener)
        try:
            writer = await response.prepare(request)
            if writer is not None:
                await self._serve(listener, writer)
        except (ConnectionError, Refusal, StoreAway):
            pass  # the listener is gone, is no longer allowed, or reconnects for data that cannot be read now
        finally:
            self._fanout.remove(listener)
        return response

    async def _serve(self, listener: Listener, writer: AbstractStreamWriter) -> None:
        await self._tell(listener, writer, b"retry: 2000\n\n: listening\n\n")
        if "Last-Event-ID" in listener.request.headers:
            async for incident in self._missed(listener.request.headers["Last-Event-ID"]):
                await self._show(listener, writer, incident)
        while not listener.over:
            if not await listener.wait(writer, BEAT):
                # A reload may have taken the token away since.
                listener.allowed()
                await self._tell(listener, writer, listener.kind.beat())
            while listener.queue:
                await self._show(listener, writer, listener.queue.popleft())

    async def _show(self, listener: Listener, writer: AbstractStreamWriter, incident: Incident) -> None:
        # A reload may have limited the token to teams since.
        caller, kind = listener.allowed(), listener.kind
        if caller.sees(incident):
            shown = await shown_to(self.parts.incidents, [incident], caller) if kind.whole else [incident]
            await self._tell(listener, writer, kind.render(shown[0]))

    async def _tell(self, listener: Listener, writer: AbstractStreamWriter, piece: bytes) -> None:
        try:
            async with asyncio.timeout(STUCK):
                await writer.write(piece)
                await writer.drain()
        except TimeoutError:
            if listener.request.transport is not None:
                listener.request.transport.abort()
            raise ConnectionAbortedError("the client does not read the stream") from None

    def _state(self) -> bytes:
        rows = self.parts.channel_test.channels()
        resting = sum(row["resting"] and "paging" in row["uses"] for row in rows)
        return b"event: state\ndata: %s %d\n\n" % (b"away" if self.parts.monitor.away else b"here", resting)

    async def _missed(self, last: str) -> AsyncIterator[Incident]:
        # Recently ended incidents, then the open ones, oldest first; read in pages, as fast as the client reads.
        cache = self.parts.incident_cache
        known = chain(reversed(cache.over()[:REMEMBERED]), cache.oldest_first())
        while page := list(islice(known, PAGE)):
            for incident in await self.parts.incidents.many([one.uid for one in page if _name(one) != last]):
                yield incident

    def _piece(self, incident: Incident) -> bytes:
        setting = self.parts.setting()
        following = upcoming(incident, setting, self.parts.clock.now())
        shape = incident_shape(incident, url=setting.url(incident), upcoming=following)
        return b"event: incident\nid: %s\ndata: %s\n\n" % (_name(incident).encode(), orjson.dumps(shape))


def _change(incident: Incident) -> bytes:
    # The pages reload themselves, so the event only names the incident.
    return b"event: change\ndata: %s\n\n" % incident.id.encode()


def _name(incident: Incident | IncidentSummary) -> str:
    return f"{incident.id}.{incident.version}"
