"""The console's page about the status page: pending drafts, components, announcements, maintenance windows."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from receiver.model.delivery.public_incident import PublicAnnouncement
from receiver.pipeline.status.public_view import PublicView
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.forms.announcement_forms import take_announcement
from receiver.web.console.forms.maintenance_forms import refuse_unknown_form, take_window
from receiver.web.console.forms.subscriber_forms import export_subscribers, take_subscriber
from receiver.web.console.frame import ConsoleFrame, seen_by

SHOWN = 30
"""Maximum number of drafts on the page, earliest deadline first."""


class StatusAdminPage:
    """`/console/status`."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the readers of drafts and of the public page."""
        self.parts = parts
        self.frame = frame

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return the pending drafts with their deadlines, the current public page, and the windows."""
        away, subscribers, now = False, None, self.parts.clock.now()
        try:
            await self.parts.work.follower.catch_up()
            drafts = await self.frame.drafts.waiting()
            # Addresses are personal data: only administrators see even how many there are.
            if visitor.may("admin") and self.parts.subscriptions.on:
                subscribers = await self.parts.subscriptions.subscribers.count()
        except StoreAway:
            away, drafts = True, self.frame.drafts.remembered()
        drafts = seen_by(visitor.caller, drafts)
        cache = self.parts.incident_cache
        public = PublicView(self.parts.config).page(
            cache.public.open(), now, self.parts.setting().maintenance, self.parts.setting().announcements
        )
        windows = [(one, one.holds(now), one.next(now)) for one in self.parts.maintenance_windows.windows()]
        return await self.frame.show(
            "status", request, visitor, away=away, drafts=drafts[:SHOWN], more=max(0, len(drafts) - SHOWN),
            public=public, windows=windows, announcements=self._announcements(now),
            components=self.parts.setting().policy.parts, subscribers=subscribers,
        )  # fmt: skip

    def _announcements(self, now: datetime) -> list[PublicAnnouncement]:
        return [one for one in self.parts.announcements.all() if one.until is None or one.until > now]

    async def subscribers(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """`/console/status/subscribers.csv`: the subscribers of the status page. Raises Refusal (403)."""
        return await export_subscribers(self.parts, request, visitor)

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /console/status`: a maintenance window, an announcement or a subscriber. Raises Refusal."""
        done = await take_announcement(self.parts, visitor, fields) or await take_window(self.parts, visitor, fields)
        done = done or await take_subscriber(self.parts, request, visitor, fields)
        return self.frame.back("/console/status", done) if done else refuse_unknown_form()
