"""The page of one incident: actions that are needed at 3 am on a phone come first."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from markupsafe import Markup

from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime
from receiver.model.incident.response_records import OPTIONS, UpdateStatus
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents.incident_labels import label_matcher
from receiver.pipeline.outbox.alert_lines import alert_lines
from receiver.pipeline.outbox.vendor_places import vendor_places
from receiver.pipeline.response.upcoming_steps import upcoming, waiting_drafts
from receiver.review.catch_up import catch_up
from receiver.review.charts.timeline_chart import mark_counts, phase_rows, timeline_chart_of, timeline_chart_svg
from receiver.review.expression.chart_svg import expression_svg
from receiver.review.expression.graph import ExpressionGraph, graph_rows, newest_graph
from receiver.store.client.connection import IncidentUnreadable, StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import Caller
from receiver.web.console.frame import ConsoleFrame, vendors_of
from receiver.web.console.incident_view import checklist, entries, paged, primary, roles
from receiver.web.http.error_responses import Refusal
from receiver.web.incident_queries import by_id, log_for
from receiver.web.json.incident_json import alert_items

WORST = 3
"""Maximum number of firing alerts at the top of the page, most severe first."""
ALERTS = 15
"""Maximum number of alerts that the page lists with their labels; the API has all of them."""


class IncidentPage:
    """`/incidents/{id}`."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the reader of incidents."""
        self.parts = parts
        self.frame = frame

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return all data of one incident; without the store, the data in memory. Raises Refusal (404)."""
        incident, shown, correcting = None, dict[str, Any](), ""
        try:
            incident = await by_id(self.parts.incidents, request.match_info["id"], visitor.caller)
            shown = await self._shown(incident, request.query.get("events", ""), visitor.caller)
            correcting = request.query.get("correct", "")
        except IncidentUnreadable:
            raise
        except StoreAway:
            incident = None
        if incident is None:
            return await self._cached_incident(request, visitor)
        return await self.frame.show(
            "incident", request, visitor, incident=incident, correcting=correcting, you=self.frame.you(visitor),
            label_matcher=label_matcher, severities=list(Severity), options=OPTIONS, statuses=list(UpdateStatus),
            teams=("", *self.parts.config.teams_in_order), moments=list(CorrectedTime),
            components=self.parts.setting().policy.parts, vendors=vendors_of(self.parts),
            contacts=sorted(self.parts.setting().policy.directory.contacts), **shown,
        )  # fmt: skip

    async def _shown(self, incident: Incident, wanted: str, caller: Caller) -> dict[str, Any]:
        store, setting, now = self.parts.incidents, self.parts.setting(), self.parts.clock.now()
        records, bodies = await store.records(incident.uid), await store.bodies(incident.uid)
        events, receipts = await log_for(store, incident, caller), await store.receipts(incident.uid)
        items = alert_items(records, bodies)
        drafts = waiting_drafts(incident)
        listed, more = entries(events, wanted, waits=bool(drafts))
        chart = timeline_chart_of(incident, events, now, self.frame.people)
        return {
            "worst": alert_lines(records, bodies)[:WORST], "alerts": items[:ALERTS],
            "more_alerts": max(0, len(items) - ALERTS), "links": setting.links(incident, now),
            "next": upcoming(incident, setting, now), "button": primary(incident),
            "lines": paged(incident, receipts, events), "places": vendor_places(receipts, setting.channels),
            "roles": roles(incident), "checklist": checklist(incident), "entries": listed, "more": more,
            "wanted": wanted, "drafts": drafts,
            "published": [one for one in incident.updates if one.published_at is not None],
            "parent": (parent := await self._parent(incident, caller)),
            "related": await self._related(incident, parent, caller),
            "chart": chart, "picture": Markup(timeline_chart_svg(chart, f"Timeline chart of {incident.id}")),  # noqa: S704
            "phases": phase_rows(chart), "counts": mark_counts(chart),
            **_graph(self.parts.expressions.newest(incident, newest_graph(events), now)),
            "similar": await self.parts.seen_before.similar_to(incident, caller.sees),
            "fired": await self.parts.seen_before.fired(incident, caller.teams, now),
            "catch_up": catch_up(incident, events, now, self.parts.overrides.schedules.people),
        }  # fmt: skip

    async def _parent(self, incident: Incident, caller: Caller) -> Incident | None:
        parent = await self.parts.incidents.incident(incident.parent) if incident.parent else None
        return parent if parent is not None and caller.sees(parent) else None

    async def _related(self, incident: Incident, parent: Incident | None, caller: Caller) -> list[tuple[str, str]]:
        # The storm or incident that it belongs to, the incidents in this storm, and earlier incidents with its key.
        found: list[tuple[str, str]] = []
        if parent is not None:
            found.append((parent.id, "Merged into" if incident.merged else "Grouped into alert storm"))
        if incident.storm:
            children = list(await self.parts.incidents.children(incident.uid))[:100]
            found += [
                (one.id, "Grouped incident") for one in await self.parts.incidents.many(children) if caller.sees(one)
            ]
        if incident.previous:
            found.append((incident.previous, "Seen before"))
        return found

    async def _cached_incident(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        number = request.match_info["id"]
        cache = self.parts.incident_cache
        known = next(
            (one for one in (*cache.worst_first(), *cache.over()) if one.id == number and visitor.caller.sees(one)),
            None,
        )
        if known is None:
            raise Refusal(
                503, "away", "the incident store is unavailable, and this replica has no copy of the incident"
            )
        told = self.parts.pagerduty_events.addresses.page
        return await self.frame.show(
            "cached_incident", request, visitor, status=503, away=True, incident=known, vendors=vendors_of(self.parts),
            addresses={page.key: address for page in known.pages if (address := told(page.key))},
        )  # fmt: skip


def _graph(graph: ExpressionGraph | None) -> dict[str, Any]:
    if graph is None:
        return {"graph": None}
    return {"graph": graph, "graph_rows": graph_rows(graph), "graph_picture": Markup(expression_svg(graph))}  # noqa: S704
