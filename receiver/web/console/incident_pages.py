"""The console, for people: which incidents there are, and what is known about one. A seed; it only reads."""

from __future__ import annotations

from itertools import islice

from aiohttp import web

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.sign_in import SignedInPerson
from receiver.web.html_pages import HtmlPages
from receiver.web.incident_queries import by_id
from receiver.web.json.incident_json import alert_items

SHOWN = 100
"""Open incidents that the first page shows, the most severe and newest."""
LISTED = 100
"""Of the newest incidents, those that are over are shown as well."""
ALERTS = 200
"""Alerts that the page of one incident shows; the API has all of them."""


class Console:
    """`/` and `/incidents/{id}`."""

    def __init__(self, doors: AppParts, pages: HtmlPages) -> None:
        """Take what there is to be shown."""
        self.doors = doors
        self.pages = pages

    async def incidents(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """The open incidents, the worst first, and the newest of the others; without a store, what is remembered."""
        cache, over, away = self.doors.incident_cache, list[IncidentSummary](), False
        try:
            await self.doors.work.follower.catch_up()
            over = await self.doors.work.follower.newest_over(LISTED)
        except StoreAway:
            away = True
        return self.pages.render(
            "incidents.html", visitor=visitor, title=self.doors.config.service.name, away=away, count=len(cache),
            loading=not cache.complete, open=list(islice(cache.worst_first(), SHOWN)), over=over,
        )  # fmt: skip

    async def incident(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """One incident with its alerts and its timeline."""
        incident = await by_id(self.doors.incidents, request.match_info["id"])
        records = await self.doors.incidents.records(incident.uid)
        items = alert_items(records, await self.doors.incidents.bodies(incident.uid))
        return self.pages.render(
            "incident.html", visitor=visitor, title=incident.id, incident=incident, alerts=items[:ALERTS],
            more=len(items) - len(items[:ALERTS]), events=await self.doors.incidents.events(incident.uid),
            links=self.doors.setting().links(incident, self.doors.clock.now()),
        )  # fmt: skip
