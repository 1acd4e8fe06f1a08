"""The console's page of schedules: who is on call, who follows, and what is amiss."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from aiohttp import web

from receiver.config.sections import Scope
from receiver.web.auth import BASIC, Gate
from receiver.web.keys import Doors
from receiver.web.pages import Pages
from receiver.web.query import no_query

AHEAD = timedelta(days=28)
SHOWN = 20
"""Shifts of a schedule that the page shows; the API has all of them."""


class OnCallPage:
    """`/oncall`. It needs no store: what is on the board was read before."""

    def __init__(self, doors: Doors, gate: Gate, pages: Pages) -> None:
        """Take what knows of schedules."""
        self.doors = doors
        self.gate = gate
        self.pages = pages

    async def page(self, request: web.Request) -> web.Response:
        """Every schedule with its next shifts, the overrides, and the preflight."""
        self.gate.admit(request, Scope.READ, BASIC)
        no_query(request)
        schedules, now = self.doors.duty.schedules, self.doors.clock.now()
        rows = []
        for name in schedules.names:
            handing = schedules.handing(name, now)
            shifts = list(islice(schedules.shifts(name, now, AHEAD), SHOWN))
            rows.append((name, shifts, handing, schedules.accepted(handing)))
        return self.pages.render(
            "oncall.html", title=self.doors.config.service.name, rows=rows, names=schedules.people,
            overrides=schedules.overrides(now), found=schedules.preflight(now),
        )  # fmt: skip
