"""The API, version 1: reading incidents."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.incident.incident import Incident
from receiver.pipeline.response.upcoming_steps import upcoming
from receiver.review.catch_up import catch_up
from receiver.store.cooperative_loop import SHAPED, in_steps
from receiver.web.api.incident_commands import incident_answer
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import answer
from receiver.web.http.query_parameters import no_query, read_filters
from receiver.web.incident_queries import by_id, log_for, open_page_of, page_of, queue_of, search_page_of, shown_to
from receiver.web.json.incident_json import alert_items, incident_shape, listed
from receiver.web.json.similar_json import similar_shape
from receiver.web.json.team_json import team_shape


class IncidentApi:
    """The endpoints under `/api/v1` that read incidents."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the readers that it needs."""
        self.parts = parts
        self.gate = gate

    async def incidents(self, request: web.Request) -> web.Response:
        """`GET /api/v1/incidents`: newest first, with filters and a cursor."""
        caller = self.gate.admit(request, Scope.READ)
        filters = replace(read_filters(request), sees=caller.sees)
        if filters.queue:
            await self.parts.work.follower.catch_up()
            await self.parts.work.follower.wait()
            found, following = await queue_of(self.parts.work.follower, self.parts.incidents, filters), None
        elif filters.open and self.parts.incident_cache.complete:
            await self.parts.work.follower.catch_up()
            found, following = await open_page_of(self.parts.work.follower, self.parts.incidents, filters)
        elif filters.text or filters.labels:
            matching, following = await search_page_of(self.parts.work.follower, filters)
            found = await self.parts.incidents.many([one.uid for one in matching])
        else:
            found, following = await page_of(self.parts.incidents, filters)
        found = await shown_to(self.parts.incidents, found, caller)
        answers = await self.parts.incidents.receipts_of([incident.uid for incident in found])
        both = zip(found, answers, strict=True)
        items = [self._shape(incident, answers=told) async for incident, told in in_steps(both, SHAPED)]
        return answer(listed(items, str(following) if following else None))

    async def incident(self, request: web.Request) -> web.Response:
        """`GET /api/v1/incidents/{id}`: everything that is known about one."""
        caller = self.gate.admit(request, Scope.READ)
        no_query(request)
        incident = await by_id(self.parts.incidents, request.match_info["id"], caller)
        records = await self.parts.incidents.records(incident.uid)
        bodies = await self.parts.incidents.bodies(incident.uid)
        receipts = await self.parts.incidents.receipts(incident.uid)
        tag = f'"{incident.version}"'
        if request.headers.get("If-None-Match") in (tag, f"W/{tag}"):
            return web.Response(status=304, headers={"ETag": tag})
        return incident_answer(self.parts, incident, alerts=alert_items(records, bodies), receipts=receipts)

    async def similar(self, request: web.Request) -> web.Response:
        """`GET .../similar`: at most five past incidents with reasons; only those that the caller may see."""
        caller = self.gate.admit(request, Scope.READ)
        no_query(request)
        incident = await by_id(self.parts.incidents, request.match_info["id"], caller)
        now = self.parts.clock.now()
        found = await self.parts.seen_before.similar_to(incident, caller.sees)
        day, month = await self.parts.seen_before.fired(incident, caller.teams, now)
        events = await log_for(self.parts.incidents, incident, caller)
        return answer(
            {
                **listed(similar_shape(found, self.parts.setting())),
                "fired": {"last_24h": day, "last_30d": month},
                "catch_up": catch_up(incident, events, now, self.parts.overrides.schedules.people),
            }
        )

    async def teams(self, request: web.Request) -> web.Response:
        """`GET /api/v1/teams`: the teams in matching order, and how many of their incidents are open."""
        caller = self.gate.admit(request, Scope.READ)
        no_query(request)
        config = self.parts.config
        counts = Counter(one.team for one in self.parts.incident_cache.newest_first() if caller.sees(one))
        return answer(listed([team_shape(config, name, counts[name]) for name in config.teams_in_order]))

    def _shape(self, incident: Incident, **more: Any) -> dict[str, Any]:
        setting, now = self.parts.setting(), self.parts.clock.now()
        following = upcoming(incident, setting, now)
        return incident_shape(
            incident, links=setting.links(incident, now), url=setting.url(incident), upcoming=following, **more
        )
