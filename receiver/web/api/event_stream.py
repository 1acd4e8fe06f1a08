"""GET /api/v1/events: what changes, live, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import chain, islice

import orjson
from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import no_query
from receiver.web.json.incident_json import incident_shape

AT_ONCE = 100
"""Streams open at once on one replica."""
BEAT = 15.0
"""Seconds between two signs of life: shorter than what proxies wait for."""
BEHIND = 1000
"""Changes that wait for one listener; who is further behind is cut off, and connects again."""
STUCK = 10.0
"""Seconds that a listener may leave what it was sent unread; then it is cut off. Shorter than `shutdown_grace`."""
PAGE = 50
"""Incidents that are read at once for somebody who comes back."""
REMEMBERED = 500
"""Incidents that are over of which somebody who comes back is told."""


class Stream:
    """The listeners of one replica. It tells of every change that the replica learns of, its own and the others'."""

    def __init__(self, doors: AppParts, gate: TokenCheck) -> None:
        """Nobody listens yet."""
        self.doors = doors
        self.gate = gate
        self._open = 0
        self._waiting: set[asyncio.Queue[Incident | None]] = set()

    def changed(self, incident: Incident) -> None:
        """Tell every listener; one that is too far behind is cut off."""
        for queue in list(self._waiting):
            try:
                queue.put_nowait(incident)
            except asyncio.QueueFull:
                self._cut(queue)

    def listening(self) -> bool:
        """Return whether anybody listens."""
        return bool(self._waiting)

    async def end(self, app: web.Application) -> None:
        """End every stream: the service is stopping. What waits is told by whom they connect to next."""
        for queue in list(self._waiting):
            self._cut(queue)

    def _cut(self, queue: asyncio.Queue[Incident | None]) -> None:
        self._waiting.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Answer with an `incident` event for each change; the id is that of the incident and its version.

        An event tells of the whole state, so who comes back with Last-Event-ID is told how everything stands: what is
        open, and what was over last. No change is missed, whichever replica told of the one before.
        """
        self.gate.admit(request, Scope.READ)
        no_query(request)
        if request.method == "HEAD":
            return web.Response(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        # Who is cut off is counted until its connection has ended: it holds on to that, and to nothing more.
        if self.doors.state.draining or self._open >= AT_ONCE:
            raise Refusal(503, "too_many", "too many streams are open here; connect again later")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        queue: asyncio.Queue[Incident | None] = asyncio.Queue(BEHIND)
        self._open += 1
        self._waiting.add(queue)
        try:
            await response.prepare(request)
            await self._tell(request, response, b"retry: 2000\n\n: listening\n\n")
            if "Last-Event-ID" in request.headers:
                async for incident in self._missed(request.headers["Last-Event-ID"]):
                    await self._tell(request, response, self._piece(incident))
            while (piece := await self._next(queue)) is not None:
                # A reload may have taken the token away since.
                self.gate.admit(request, Scope.READ)
                await self._tell(request, response, piece)
        except (ConnectionError, Refusal, StoreAway):
            pass  # the listener has gone, may listen no more, or connects again for what could not be read now
        finally:
            self._open -= 1
            self._waiting.discard(queue)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, piece: bytes) -> None:
        try:
            async with asyncio.timeout(STUCK):
                await response.write(piece)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError("what was sent is not read") from None

    async def _next(self, queue: asyncio.Queue[Incident | None]) -> bytes | None:
        try:
            incident = await asyncio.wait_for(queue.get(), BEAT)
        except TimeoutError:
            return b": still here\n\n"
        return None if incident is None else self._piece(incident)

    async def _missed(self, last: str) -> AsyncIterator[Incident]:
        # What was over last, then what is open, the oldest first; read in pages, and as quickly as it is taken.
        cache = self.doors.incident_cache
        known = chain(reversed(cache.over()[:REMEMBERED]), cache.oldest_first())
        while page := list(islice(known, PAGE)):
            for incident in await self.doors.incidents.many([one.uid for one in page if _name(one) != last]):
                yield incident

    def _piece(self, incident: Incident) -> bytes:
        setting = self.doors.setting()
        shape = incident_shape(incident, url=setting.url(incident))
        return b"event: incident\nid: %s\ndata: %s\n\n" % (_name(incident).encode(), orjson.dumps(shape))


def _name(incident: Incident | IncidentSummary) -> str:
    return f"{incident.id}.{incident.version}"
