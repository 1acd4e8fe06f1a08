"""`/status/internal`: every component, the internal ones too, as all open incidents affect it; behind sign-in."""

from __future__ import annotations

from itertools import islice

from aiohttp import web

from receiver.pipeline.status.public_view import PublicView
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.frame import ConsoleFrame

LOOKED_AT = 500
"""Open incidents that are looked at, the most severe first."""


class InternalStatus:
    """What people who are signed in see of every component."""

    def __init__(self, doors: AppParts, frame: ConsoleFrame) -> None:
        """Take what knows of incidents."""
        self.doors = doors
        self.frame = frame

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Each component with its condition, and the open incidents that affect it and that this person may see."""
        doors, away = self.doors, False
        worst = list(islice((one for one in doors.incident_cache.worst_first() if visitor.caller.sees(one)), LOOKED_AT))
        try:
            found = [one for one in await doors.incidents.many([one.uid for one in worst]) if not one.drill]
        except StoreAway:
            away, found = True, []
        view = PublicView(doors.config, internal=True)
        rows = view.by_component(found, doors.clock.now(), doors.setting().maintenance)
        return await self.frame.show("status_internal", request, visitor, away=away, rows=rows)
