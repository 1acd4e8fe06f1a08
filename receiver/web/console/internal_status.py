"""`/status/internal`: the state of every component, including internal ones, by all open incidents; needs sign-in."""

from __future__ import annotations

from itertools import islice

from aiohttp import web

from receiver.pipeline.status.public_view import PublicView
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.frame import ConsoleFrame

LOOKED_AT = 500
"""Maximum number of open incidents that are checked, most severe first."""


class InternalStatus:
    """The page of all components for signed-in people."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the reader of incidents."""
        self.parts = parts
        self.frame = frame

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return each component with its condition, and the visible open incidents that affect it."""
        parts, away = self.parts, False
        worst = list(islice((one for one in parts.incident_cache.worst_first() if visitor.caller.sees(one)), LOOKED_AT))
        try:
            found = [one for one in await parts.incidents.many([one.uid for one in worst]) if not one.drill]
        except StoreAway:
            away, found = True, []
        view = PublicView(parts.config, internal=True)
        rows = view.by_component(found, parts.clock.now(), parts.setting().maintenance)
        return await self.frame.show("status_internal", request, visitor, away=away, rows=rows)
