"""The console, for people: which incidents there are, and what is known about one. A seed; it only reads."""

from __future__ import annotations

from aiohttp import web

from receiver.model.incident import Incident
from receiver.store.connection import StoreAway
from receiver.web.keys import Doors
from receiver.web.pages import Pages
from receiver.web.reading import by_id
from receiver.web.shapes import alert_items
from receiver.web.visitors import Visitor

LISTED = 100
ALERTS = 200
"""Alerts that the page of one incident shows; the API has all of them."""


class Console:
    """`/` and `/incidents/{id}`."""

    def __init__(self, doors: Doors, pages: Pages) -> None:
        """Take what there is to be shown."""
        self.doors = doors
        self.pages = pages

    async def incidents(self, request: web.Request, visitor: Visitor) -> web.Response:
        """The open incidents, the worst first, and the newest of the others; without a store, what is remembered."""
        try:
            open_ones = await self.doors.incidents.listing(open_only=True, most=500)
            newest = await self.doors.incidents.listing(most=LISTED)
            away = False
        except StoreAway:
            open_ones, newest, away = self.doors.mirror.open(), [], True
        return self.pages.render(
            "incidents.html", visitor=visitor, title=self.doors.config.service.name, away=away,
            open=sorted(open_ones, key=_worst_first), over=[incident for incident in newest if incident.state.over],
        )  # fmt: skip

    async def incident(self, request: web.Request, visitor: Visitor) -> web.Response:
        """One incident with its alerts and its timeline."""
        incident = await by_id(self.doors.incidents, request.match_info["id"])
        records = await self.doors.incidents.records(incident.uid)
        items = alert_items(records, await self.doors.incidents.bodies(incident.uid))
        return self.pages.render(
            "incident.html", visitor=visitor, title=incident.id, incident=incident, alerts=items[:ALERTS],
            more=len(items) - len(items[:ALERTS]), events=await self.doors.incidents.events(incident.uid),
            links=self.doors.setting().links(incident, self.doors.clock.now()),
        )  # fmt: skip


def _worst_first(incident: Incident) -> tuple[int, float]:
    return incident.severity.rank, -incident.opened_at.timestamp()
