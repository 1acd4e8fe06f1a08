"""The API, version 1: reading incidents."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.incident.incident import Incident
from receiver.store.stepped_loop import PARSED, in_steps
from receiver.web.api.incident_commands import incident_answer
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import answer
from receiver.web.http.query_parameters import no_query, read_filters
from receiver.web.incident_queries import by_id, open_page_of, page_of, queue_of
from receiver.web.json.incident_json import alert_items, incident_shape, listed


class IncidentApi:
    """The doors under `/api/v1` that read."""

    def __init__(self, doors: AppParts, gate: TokenCheck) -> None:
        """Take what there is to be read."""
        self.doors = doors
        self.gate = gate

    async def incidents(self, request: web.Request) -> web.Response:
        """`GET /api/v1/incidents`: newest first, with filters and a cursor."""
        self.gate.admit(request, Scope.READ)
        filters = read_filters(request)
        if filters.queue:
            await self.doors.work.follower.catch_up()
            await self.doors.work.follower.wait()
            found, following = await queue_of(self.doors.incident_cache, self.doors.incidents, filters), None
        elif filters.open and self.doors.incident_cache.complete:
            await self.doors.work.follower.catch_up()
            found, following = await open_page_of(self.doors.incident_cache, self.doors.incidents, filters)
        else:
            found, following = await page_of(self.doors.incidents, filters)
        items = [self._shape(incident) async for incident in in_steps(found, PARSED)]
        return answer(listed(items, str(following) if following else None))

    async def incident(self, request: web.Request) -> web.Response:
        """`GET /api/v1/incidents/{id}`: everything that is known about one."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        incident = await by_id(self.doors.incidents, request.match_info["id"])
        records = await self.doors.incidents.records(incident.uid)
        bodies = await self.doors.incidents.bodies(incident.uid)
        receipts = await self.doors.incidents.receipts(incident.uid)
        tag = f'"{incident.version}"'
        if request.headers.get("If-None-Match") in (tag, f"W/{tag}"):
            return web.Response(status=304, headers={"ETag": tag})
        return incident_answer(self.doors, incident, alerts=alert_items(records, bodies), receipts=receipts)

    def _shape(self, incident: Incident, **more: Any) -> dict[str, Any]:
        setting = self.doors.setting()
        return incident_shape(
            incident, links=setting.links(incident, self.doors.clock.now()), url=setting.url(incident), **more
        )
