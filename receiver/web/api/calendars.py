"""Calendars of schedules: with a token, or at a secret address for calendars that cannot send one."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from receiver.config.settings.service_settings import Scope
from receiver.model.command import Name
from receiver.pipeline.oncall.calendar_addresses import CalendarAddresses, NoAddress
from receiver.pipeline.oncall.on_call_overview import TYPE
from receiver.pipeline.response.command_handler import ImpossibleCommand
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.api.bodies.request_bodies import Body
from receiver.web.api.operations import Operation, Parameter
from receiver.web.api.preconditions import read
from receiver.web.app_keys import AppParts
from receiver.web.auth.schedule_limits import allow_schedule
from receiver.web.auth.tokens import BASIC, TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_once

MINE = Parameter("only", "mine: only the shifts of that person.", {"type": "string", "enum": ["mine"]})
PERSON = Parameter("person", "A key of `people`.", {"type": "string", "minLength": 1}, needed=True)
SCHEDULE = "/api/v1/oncall/{schedule}"
FEED = "/oncall/feeds/"


class CalendarBody(Body):
    """The person whose calendar the address is for."""

    person: Name = Field(description="A key of `people`, with or without @.")


class CalendarApi:
    """`/api/v1/oncall/{schedule}.ics`, and `/oncall/feeds/{token}.ics`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the reader of schedules."""
        self.parts = parts
        self.gate = gate

    @property
    def _addresses(self) -> CalendarAddresses:
        return CalendarAddresses(self.parts.overrides)

    async def calendar(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/{schedule}.ics`: for calendar programs, which send a token as the password."""
        self.gate.admit(request, Scope.READ, BASIC)
        no_query(request)
        return self._answer(request.match_info["schedule"])

    async def feed(self, request: web.Request) -> web.Response:
        """`GET /oncall/feeds/{token}.ics`: for anyone with the address; `?only=mine`: the person's own shifts."""
        mine = read_once(request, "only").get("only")
        if mine not in (None, "mine"):
            raise Refusal(400, "bad_query", "only: write mine")
        try:
            whose = self._addresses.find(request.match_info["token"])
        except NoAddress as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return self._answer(whose.schedule, whose.person if mine else None)

    async def make(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/{schedule}/calendar`: create a secret address; the person's previous one is revoked."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, _ = await read(request, CalendarBody)
        actor = caller.actor(given.by)
        name, now = request.match_info["schedule"], self.parts.clock.now()
        allow_schedule(caller, name, self.parts.config)
        try:
            whose, token = await self._addresses.make(name, given.person, actor, now)
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        except SharedDocumentsFull as full:
            raise Refusal(409, "not_now", str(full)) from None
        base = self.parts.config.base_url or ""
        told = {"schedule": whose.schedule, "person": whose.person, "url": f"{base}{FEED}{token}.ics"}
        return answer(told, 201)

    async def end(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/oncall/{schedule}/calendar?person=`: revoke the person's secret address."""
        caller = self.gate.admit(request, Scope.RESPOND)
        person = read_once(request, "person").get("person", "")
        if not person:
            raise Refusal(400, "bad_query", "person: write a key of people")
        actor = caller.actor()
        allow_schedule(caller, request.match_info["schedule"], self.parts.config)
        try:
            whose = await self._addresses.end(request.match_info["schedule"], person, actor)
        except (ImpossibleCommand, NoAddress) as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return answer({"schedule": whose.schedule, "person": whose.person})

    def _answer(self, schedule: str, person: str | None = None) -> web.Response:
        realm = self.parts.config.service.public_url or self.parts.config.redis.namespace
        try:
            made = self.parts.overrides.schedules.calendar(schedule, self.parts.clock.now(), realm, person)
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return web.Response(body=made, content_type=TYPE, charset="utf-8")


def calendar_operations(api: CalendarApi) -> list[Operation]:
    """Return the operations for calendars."""
    address = f"{SCHEDULE}/calendar"
    return [
        Operation("GET", f"{SCHEDULE}.ics", Scope.READ, "A schedule as iCalendar.", api.calendar, "", kind=TYPE,
                  refuses=(404,)),
        Operation("POST", address, Scope.RESPOND, "Create a secret calendar address; the previous one is revoked.",
                  api.make, "CalendarAddress", CalendarBody, status=201, refuses=(404, 409),
                  repeats=True),
        Operation("DELETE", address, Scope.RESPOND, "Revoke a person's secret calendar address.", api.end,
                  "CalendarEnded", query=(PERSON,), refuses=(404,)),
    ]  # fmt: skip
