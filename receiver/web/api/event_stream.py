"""GET /api/v1/events: live changes as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import chain, islice

import orjson
from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.response.incident_outlook import upcoming
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.stream_caps import StreamCaps
from receiver.web.auth.tokens import Caller, TokenCheck
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import no_query
from receiver.web.incident_queries import shown_to
from receiver.web.json.incident_json import incident_shape

BEAT = 15.0
"""Seconds between two keep-alive comments: shorter than the idle timeout of proxies."""
BEHIND = 1000
"""Maximum number of queued changes per listener; a slower listener is disconnected, and connects again."""
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
        self._waiting: set[asyncio.Queue[Incident | None]] = set()

    def changed(self, incident: Incident) -> None:
        """Send a change to every listener; one that is too slow is disconnected."""
        for queue in list(self._waiting):
            try:
                queue.put_nowait(incident)
            except asyncio.QueueFull:
                self._cut(queue)

    def listening(self) -> bool:
        """Return whether there is a listener."""
        return bool(self._waiting)

    async def end(self, app: web.Application) -> None:
        """End every stream, because the service is stopping. The next replica sends the queued changes."""
        for queue in list(self._waiting):
            self._cut(queue)

    def _cut(self, queue: asyncio.Queue[Incident | None]) -> None:
        self._waiting.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Return an `incident` event for each change; its id has the incident and its version.

        An event has the whole state, so a client that reconnects with Last-Event-ID gets the current state of all open
        and recently ended incidents. No change is missed, no matter which replica sent the previous one.
        """
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return await self._stream(request, lambda: self.gate.admit(request, Scope.READ), self._piece, lambda: STILL)

    async def _stream(
        self, request: web.Request, allowed: Callable[[], Caller], piece_of: Callable[[Incident], bytes],
        beat: Callable[[], bytes],
    ) -> web.StreamResponse:  # fmt: skip
        if request.method == "HEAD":
            return web.Response(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        if self.parts.state.draining:
            raise Refusal(503, "draining", "this replica is stopping; connect again")
        with self.caps.counted(request, allowed()):
            return await self._listen(request, allowed, piece_of, beat)

    async def _listen(
        self, request: web.Request, allowed: Callable[[], Caller], piece_of: Callable[[Incident], bytes],
        beat: Callable[[], bytes],
    ) -> web.StreamResponse:  # fmt: skip
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        queue: asyncio.Queue[Incident | None] = asyncio.Queue(BEHIND)
        self._waiting.add(queue)
        try:
            await response.prepare(request)
            await self._tell(request, response, b"retry: 2000\n\n: listening\n\n")
            if "Last-Event-ID" in request.headers:
                async for incident in self._missed(request.headers["Last-Event-ID"]):
                    if (caller := allowed()).sees(incident):
                        await self._tell(request, response, piece_of(await self._shown(incident, caller)))
            while (news := await self._next(queue, beat)) is not None:
                # A reload may have removed the token since, or limited it to teams.
                caller = allowed()
                if isinstance(news, bytes):
                    await self._tell(request, response, news)
                elif caller.sees(news):
                    await self._tell(request, response, piece_of(await self._shown(news, caller)))
        except (ConnectionError, Refusal, StoreAway):
            pass  # the listener is gone, is no longer allowed, or reconnects for data that cannot be read now
        finally:
            self._waiting.discard(queue)
        return response

    async def _shown(self, incident: Incident, caller: Caller) -> Incident:
        return (await shown_to(self.parts.incidents, [incident], caller))[0]

    async def changes(self, request: web.Request, allowed: Callable[[], Caller]) -> web.StreamResponse:
        """Return a `change` event, whose data is the incident's id, for each change: for pages of the console.

        `allowed` is called before each event, and raises Refusal once the listener may not listen anymore. Each
        keep-alive is a `state` event with the availability of the store and the number of unavailable pagers, which an
        open page shows.
        """
        return await self._stream(request, allowed, _change, self._state)

    def _state(self) -> bytes:
        rows = self.parts.channel_test.channels()
        resting = sum(row["resting"] and "paging" in row["uses"] for row in rows)
        return b"event: state\ndata: %s %d\n\n" % (b"away" if self.parts.monitor.away else b"here", resting)

    async def _tell(self, request: web.Request, response: web.StreamResponse, piece: bytes) -> None:
        try:
            async with asyncio.timeout(STUCK):
                await response.write(piece)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError("what was sent is not read") from None

    async def _next(self, queue: asyncio.Queue[Incident | None], beat: Callable[[], bytes]) -> Incident | bytes | None:
        try:
            incident = await asyncio.wait_for(queue.get(), BEAT)
        except TimeoutError:
            return beat()
        return incident

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
