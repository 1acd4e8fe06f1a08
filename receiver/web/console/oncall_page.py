"""The console's page of schedules: who is on call, four weeks ahead, overrides, and problems."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from aiohttp import web

from receiver.pipeline.oncall.calendar_addresses import CalendarAddresses, NoAddress
from receiver.pipeline.oncall.handoff_summary import handoff_packet
from receiver.pipeline.oncall.on_call_overview import TYPE
from receiver.pipeline.oncall.overrides import PastOverride
from receiver.pipeline.response.command_handler import ImpossibleCommand
from receiver.pipeline.response.reachability_tests import proofs_of
from receiver.pipeline.shared_documents import CALENDAR
from receiver.store.client.connection import StoreAway
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.app_keys import AppParts
from receiver.web.auth.schedule_limits import allow_schedule
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.forms.oncall_forms import EVERYONE, OnCallForms
from receiver.web.console.frame import ConsoleFrame, vendors_of
from receiver.web.console.oncall_grid import DAYS, colors, first_day, grid
from receiver.web.http.error_responses import Refusal

BY = 80
"""Maximum length of the name of the person who accepts."""
SHOWN = 200
"""Maximum number of shifts in the grid; the API has all of them."""
FEED = "/oncall/feeds/"
"""The path of calendars at a secret address."""
MINE = 10
"""Maximum number of shifts that are listed for the person who views the page."""


class OnCallPage:
    """`/oncall`. To be shown it needs no store: the shared documents were read before."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the reader of schedules."""
        self.parts = parts
        self.frame = frame
        self.forms = OnCallForms(parts)

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return every schedule with its next four weeks, the overrides, and the preflight."""
        return await self._show(request, visitor)

    async def _show(self, request: web.Request, visitor: SignedInPerson, calendar: str = "") -> web.Response:
        schedules, now = self.parts.overrides.schedules, self.parts.clock.now()
        begins, rows, mine, you = first_day(now), [], [], self.frame.you(visitor)
        for name in schedules.names:
            handing = schedules.handing(name, now)
            shifts = list(islice(schedules.shifts(name, begins, timedelta(days=DAYS)), SHOWN))
            rows.append((name, schedules.at(name, now), handing, schedules.accepted(handing), grid(shifts, begins)))
            mine += [(name, one) for one in shifts if one.person == you and one.until > now and you]
        asked = {name: request.query.get(name, "")[:40] for name in ("schedule", "from", "until")}
        return await self.frame.show(
            "oncall", request, visitor, rows=rows, overrides=schedules.overrides(now), asked=asked, you=you,
            found=schedules.preflight(now), packet=await self._packet(request, visitor), calendar=calendar,
            packet_of=request.query.get("packet", ""), offers=self.forms.open_offers(now), everyone=EVERYONE,
            contacts=sorted(self.parts.setting().policy.directory.contacts),
            proofs=[one for _, one in sorted(proofs_of(schedules.posted()).items())], vendors=vendors_of(self.parts),
            colors=colors(tuple(self.frame.people)), calendars=self._calendars(you),
            mine=sorted(mine, key=lambda one: one[1].until)[:MINE],
        )  # fmt: skip

    def _calendars(self, you: str | None) -> set[str]:
        # The schedules for which the visitor has a calendar address.
        known = self.parts.overrides.schedules.posted().get(CALENDAR, {}).values()
        return {str(one.get("schedule")) for one in known if you is not None and one.get("person") == you}

    async def _packet(self, request: web.Request, visitor: SignedInPerson) -> list[tuple[str, list[str]]]:
        # The hand-off of the schedule that the address names; it includes the incidents of every team.
        name, now = request.query.get("packet", ""), self.parts.clock.now()
        schedules = self.parts.overrides.schedules
        handing = schedules.handing(name, now) if name in schedules.names else None
        if handing is None or visitor.caller.teams:
            return []
        try:
            return await handoff_packet(
                self.parts.incident_cache, self.parts.incidents, ReviewRecordReader(self.parts.connection),
                self.parts.setting(), handing, schedules.people, now,
            )  # fmt: skip
        except StoreAway:
            return []

    async def calendar(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """`/oncall/{schedule}.ics`: the schedule as iCalendar, for signed-in people. Raises Refusal (404)."""
        realm = self.parts.config.service.public_url or self.parts.config.redis.namespace
        schedules, name = self.parts.overrides.schedules, request.match_info["schedule"]
        try:
            made = schedules.calendar(name, self.parts.clock.now(), realm, None)
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return web.Response(body=made, content_type=TYPE, charset="utf-8")

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /oncall`: change who is on call, page a person, or create a calendar address. Raises Refusal."""
        if fields.get("calendar"):
            return await self._subscribe(request, visitor, fields["calendar"])
        if fields.get("calendar_end"):
            return await self._unsubscribe(visitor, fields["calendar_end"])
        return self.frame.back("/oncall", await self.forms.take(visitor, fields))

    async def _subscribe(self, request: web.Request, visitor: SignedInPerson, name: str) -> web.Response:
        # A secret address that the person's calendar requests without a token; it is shown only once.
        you = self.frame.you(visitor)
        if you is None:
            raise Refusal(
                409, "nobody", "your sign-in is not linked to an entry of people; use the calendar file instead"
            )
        addresses = CalendarAddresses(self.parts.overrides)
        try:
            _, token = await addresses.make(name, you, visitor.actor, self.parts.clock.now())
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        except SharedDocumentsFull as full:
            raise Refusal(409, "full", str(full)) from None
        base = (self.parts.config.base_url or f"{request.scheme}://{request.host}").rstrip("/")
        return await self._show(request, visitor, f"{base}{FEED}{token}.ics")

    async def _unsubscribe(self, visitor: SignedInPerson, name: str) -> web.Response:
        try:
            await CalendarAddresses(self.parts.overrides).end(name, self.frame.you(visitor) or "", visitor.actor)
        except (NoAddress, ImpossibleCommand) as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return self.frame.back("/oncall", "calendar-end")

    async def accept(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /oncall/{schedule}/accept`: accept a hand-off; the first acceptance counts."""
        actor = visitor.caller.actor(fields.get("by", "").strip()[:BY] or None)
        name, now = request.match_info["schedule"], self.parts.clock.now()
        allow_schedule(visitor.caller, name, self.parts.config)
        try:
            handing = self.parts.overrides.schedules.handing(name, now)
            if handing is not None and fields.get("hand_off") != handing.key:
                raise PastOverride("the schedule has been handed over again since this page was loaded; reload it")
            await self.parts.overrides.accept(name, actor, now)
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        except (PastOverride, SharedDocumentsFull) as past:
            raise Refusal(409, "not_now", str(past)) from None
        return self.frame.back("/oncall", "accept")
