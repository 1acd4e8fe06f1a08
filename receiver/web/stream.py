"""GET /api/v1/events: what changes, live, as server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
from aiohttp import web

from receiver.config.sections import Scope
from receiver.model.incident import Incident
from receiver.web.auth import Gate
from receiver.web.errors import Refusal
from receiver.web.keys import Doors
from receiver.web.query import no_query
from receiver.web.shapes import incident_shape

AT_ONCE = 100
"""Streams open at once on one replica."""
BEAT = 15.0
"""Seconds between two signs of life: shorter than what proxies wait for."""
BEHIND = 1000
"""Changes that wait for one listener; who is further behind is cut off, and connects again."""
REMEMBERED = 500
"""Incidents that are over of which somebody who comes back is told."""


class Stream:
    """The listeners of one replica. It tells of every change that the replica learns of, its own and the others'."""

    def __init__(self, doors: Doors, gate: Gate) -> None:
        """Nobody listens yet."""
        self.doors = doors
        self.gate = gate
        self._waiting: set[asyncio.Queue[Incident | None]] = set()

    def changed(self, incident: Incident) -> None:
        """Tell every listener; one that is too far behind is cut off."""
        for queue in list(self._waiting):
            try:
                queue.put_nowait(incident)
            except asyncio.QueueFull:
                self._waiting.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)

    async def end(self, app: web.Application) -> None:
        """End every stream: the service is stopping."""
        for queue in list(self._waiting):
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        self._waiting.clear()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Answer with an `incident` event for each change; the id is that of the incident and its version.

        An event tells of the whole state, so who comes back with Last-Event-ID is told how everything stands: what is
        open, and what was over last. No change is missed, whichever replica told of the one before.
        """
        self.gate.admit(request, Scope.READ)
        no_query(request)
        if self.doors.state.draining or len(self._waiting) >= AT_ONCE:
            raise Refusal(503, "too_many", "too many streams are open here; connect again later")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        queue: asyncio.Queue[Incident | None] = asyncio.Queue(BEHIND)
        await response.prepare(request)
        self._waiting.add(queue)
        try:
            await response.write(b"retry: 2000\n\n: listening\n\n")
            if "Last-Event-ID" in request.headers:
                for incident in self._missed(request.headers["Last-Event-ID"]):
                    await response.write(self._piece(incident))
            while (piece := await self._next(queue)) is not None:
                await response.write(piece)
        except ConnectionError:
            pass  # the listener has gone
        finally:
            self._waiting.discard(queue)
        return response

    async def _next(self, queue: asyncio.Queue[Incident | None]) -> bytes | None:
        try:
            incident = await asyncio.wait_for(queue.get(), BEAT)
        except TimeoutError:
            return b": still here\n\n"
        return None if incident is None else self._piece(incident)

    def _missed(self, last: str) -> list[Incident]:
        over = self.doors.mirror.over()[:REMEMBERED]
        return [one for one in (*reversed(over), *self.doors.mirror.open()) if _name(one) != last]

    def _piece(self, incident: Incident) -> bytes:
        setting = self.doors.setting()
        shape = incident_shape(incident, url=setting.url(incident))
        return b"event: incident\nid: %s\ndata: %s\n\n" % (_name(incident).encode(), orjson.dumps(shape))


def _name(incident: Incident) -> str:
    return f"{incident.id}.{incident.version}"
