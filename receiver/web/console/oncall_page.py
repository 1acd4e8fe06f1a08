"""The console's page of schedules: who is on call, who follows, and what is amiss."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from aiohttp import web

from receiver.model.incident.event import Actor, ActorKind
from receiver.pipeline.oncall.overrides import PastOverride
from receiver.pipeline.response.command_handler import ImpossibleCommand
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.app_keys import AppParts
from receiver.web.auth.sign_in import SignedInPerson
from receiver.web.html_pages import HtmlPages
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import no_query

AHEAD = timedelta(days=28)
BY = 80
"""Characters of the name under which somebody accepts."""
SHOWN = 20
"""Shifts of a schedule that the page shows; the API has all of them."""


class OnCallPage:
    """`/oncall`. To be shown it needs no store: what is on the board was read before."""

    def __init__(self, doors: AppParts, pages: HtmlPages) -> None:
        """Take what knows of schedules."""
        self.doors = doors
        self.pages = pages

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Every schedule with its next shifts, the overrides, and the preflight."""
        no_query(request)
        schedules, now = self.doors.overrides.schedules, self.doors.clock.now()
        rows = []
        for name in schedules.names:
            handing = schedules.handing(name, now)
            shifts = list(islice(schedules.shifts(name, now, AHEAD), SHOWN))
            rows.append((name, shifts, handing, schedules.accepted(handing)))
        return self.pages.render(
            "oncall.html", visitor=visitor, title=self.doors.config.service.name, rows=rows, names=schedules.people,
            overrides=schedules.overrides(now), found=schedules.preflight(now),
        )  # fmt: skip

    async def accept(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /oncall/{schedule}/accept`: whoever has taken over says so; the first to say it counts."""
        by = fields.get("by", "").strip()[:BY] or visitor.caller.name
        name, now = request.match_info["schedule"], self.doors.clock.now()
        try:
            handing = self.doors.overrides.schedules.handing(name, now)
            if handing is not None and fields.get("hand_off") != handing.key:
                raise PastOverride(
                    "the schedule has been handed over once more since this page was shown; open it anew"
                )
            await self.doors.overrides.accept(name, Actor(kind=ActorKind.API, name=by), now)
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        except (PastOverride, SharedDocumentsFull) as past:
            raise Refusal(409, "not_now", str(past)) from None
        return web.Response(status=303, headers={"Location": f"{self.pages.root()}/oncall"})
