"""The API, version 1: who is on call, overrides, and accepted hand-offs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.base import rfc3339
from receiver.model.incident.event import Actor
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.pipeline.oncall.overrides import NoSuchOverride, PastOverride
from receiver.pipeline.oncall.shift_offers import ShiftOffers
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, ImpossibleCommand, InvalidField
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.api.bodies.oncall_bodies import OfferBody, OverrideBody
from receiver.web.api.bodies.request_bodies import Body
from receiver.web.api.operations import Operation, Parameter
from receiver.web.api.preconditions import read, repetition
from receiver.web.app_keys import AppParts
from receiver.web.auth.schedule_limits import allow_override, allow_schedule, may_change_schedule
from receiver.web.auth.tokens import Caller, TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_moment, read_once
from receiver.web.json.incident_json import listed
from receiver.web.json.oncall_json import offer_shape, override_shape, preflight_shape, shift_shape
from receiver.web.json.schema_types import WHEN

DAYS = 14
"""Default number of days for which shifts are listed."""
MOST_DAYS = 400
MOST_SHIFTS = 1000


class OnCallApi:
    """The endpoints under `/api/v1/oncall`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the reader of schedules and the handler of changes."""
        self.parts = parts
        self.gate = gate

    async def show(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall`: who is on call in each schedule, now or `at` another time."""
        self.gate.admit(request, Scope.READ)
        given = read_once(request, "at")
        now = self.parts.clock.now()
        at = read_moment("at", given["at"]) if "at" in given else now
        return answer({"schedules": {name: self._shift(name, at, now) for name in self._schedules.names}})

    async def shifts(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/{schedule}/shifts`: the shifts of the next days, including gaps."""
        self.gate.admit(request, Scope.READ)
        given = read_once(request, "at", "days")
        begins = read_moment("at", given["at"]) if "at" in given else self.parts.clock.now()
        days = given.get("days", str(DAYS))
        if not (days.isascii() and days.isdigit() and len(days) <= 3 and 1 <= int(days) <= MOST_DAYS):
            raise Refusal(400, "bad_query", f"days: write a number from 1 to {MOST_DAYS}")
        with _telling():
            shifts = self._schedules.shifts(request.match_info["schedule"], begins, timedelta(days=int(days)))
        people = self._schedules.people
        return answer(listed([shift_shape(shift, people) for shift in islice(shifts, MOST_SHIFTS)]))

    async def preflight(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/preflight`: people who cannot be reached, and coverage gaps, in the next 14 days."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(preflight_shape(self._schedules.preflight(self.parts.clock.now())))

    async def overrides(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/overrides`: current and future overrides made by command, earliest first."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(listed([override_shape(one) for one in self._schedules.overrides(self.parts.clock.now())]))

    async def override(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/overrides`: a person takes over for a limited time."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, OverrideBody)
        once, _ = repetition(request, caller, raw)
        allow_schedule(caller, given.schedule, self.parts.config)
        actor, now = _actor(caller, given), self.parts.clock.now()
        with _telling():
            made = await self.parts.overrides.override(
                given.schedule, given.person, given.from_, given.until, actor, now, once=once
            )
        return answer(override_shape(made), 201)

    async def lift(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/oncall/overrides/{id}` or `?id=`: end a current override, or cancel a future one."""
        caller = self.gate.admit(request, Scope.RESPOND)
        if "id" in request.match_info:
            no_query(request)
            number = request.match_info["id"]
        else:
            number = read_once(request, "id").get("id", "")
            if not number:
                raise Refusal(400, "bad_query", "id: write the id of the override")
        allow_override(caller, number, self._schedules.directory.overrides, self.parts.config)
        with _telling():
            ended = await self.parts.overrides.lift(number, _actor(caller, None), self.parts.clock.now())
        return answer(override_shape(ended))

    async def accept(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/{schedule}/accept`: accept a hand-off; the first acceptance counts."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, Body, optional=True)
        repetition(request, caller, raw)
        name, now = request.match_info["schedule"], self.parts.clock.now()
        allow_schedule(caller, name, self.parts.config)
        with _telling():
            done = await self.parts.overrides.accept(name, _actor(caller, given), now)
        return answer(
            {
                "schedule": done.handing.schedule, "person": done.handing.incoming,
                "since": rfc3339(done.handing.at), "by": done.by, "at": rfc3339(done.at),
            }
        )  # fmt: skip

    @property
    def _schedules(self) -> OnCallOverview:
        return self.parts.overrides.schedules

    def _shift(self, name: str, at: datetime, now: datetime) -> dict[str, Any]:
        done = self._schedules.accepted(self._schedules.handing(name, at)) if at == now else None
        shape = shift_shape(self._schedules.at(name, at), self._schedules.people)
        return {**shape, "accepted": {"by": done.by, "at": rfc3339(done.at)} if done else None}


class ShiftOfferApi:
    """The endpoints at `/api/v1/oncall/offers` and `/api/v1/oncall/{schedule}/log`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the handler of changes to schedules."""
        self.parts = parts
        self.gate = gate

    @property
    def offers(self) -> ShiftOffers:
        """The offers."""
        return ShiftOffers(self.parts.overrides)

    async def all(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/offers`: offers that are not over, earliest first."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        now = self.parts.clock.now()
        return answer(listed([offer_shape(one) for one in self.offers.all() if one.until > now]))

    async def offer(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/offers`: offer the shifts of the caller, or of `by`, on some days, one by one."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, OfferBody)
        repetition(request, caller, raw)
        if given.schedule is not None:
            allow_schedule(caller, given.schedule, self.parts.config)
        may = partial(may_change_schedule, caller, config=self.parts.config)
        with _telling():
            actor, now = self._person(caller, given), self.parts.clock.now()
            made = await self.offers.offer(given.dates, given.schedule, actor, now, may)
        return answer(listed([offer_shape(one) for one in made]), 201)

    async def accept(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/offers/{id}/accept`: the caller, or `by`, takes over; the first acceptance counts."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, Body, optional=True)
        repetition(request, caller, raw)
        with _telling():
            self._allow(caller, request.match_info["id"])
            actor = self._person(caller, given)
            taken = await self.offers.accept(request.match_info["id"], actor, self.parts.clock.now())
        return answer(offer_shape(taken))

    async def withdraw(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/oncall/offers/{id}`: withdraw an open offer."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        with _telling():
            self._allow(caller, request.match_info["id"])
            gone = await self.offers.withdraw(request.match_info["id"], caller.actor(), self.parts.clock.now())
        return answer(offer_shape(gone))

    def _person(self, caller: Caller, given: Body) -> Actor:
        # Raises Refusal (409) if the request does not name the person: most tokens do not belong to a person.
        actor, people = caller.actor(given.by), self.parts.overrides.schedules.people
        if given.by is None and actor.name not in people:
            raise Refusal(409, "missing_by", f"name a person with by, or --by: {', '.join(sorted(people)[:20])}")
        return actor

    def _allow(self, caller: Caller, number: str) -> None:
        # Raises Refusal (403) if the caller may not change the schedule of the offer.
        for one in self.offers.all():
            if one.id == number:
                allow_schedule(caller, one.schedule, self.parts.config)

    async def log(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/{schedule}/log`: offers, acceptances and overrides, newest first."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        try:
            found = self.offers.entries(request.match_info["schedule"])
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return answer(
            listed([{"at": rfc3339(one.at), "kind": one.kind, "by": one.by, "text": one.text} for one in found])
        )


def _actor(caller: Caller, given: Body | None) -> Actor:
    return caller.actor(given.by if given else None)


@contextmanager
def _telling() -> Iterator[None]:
    """An impossible change becomes a refusal with a correction."""
    try:
        yield
    except (ImpossibleCommand, NoSuchOverride) as unknown:
        raise Refusal(404, "unknown", str(unknown)) from None
    except InvalidField as unfit:
        errors = [{"path": unfit.path, "message": str(unfit)}]
        raise Refusal(409, "unfit", f"{unfit.path}: {unfit}", errors=errors) from None
    except (PastOverride, SharedDocumentsFull) as past:
        raise Refusal(409, "not_now", str(past)) from None
    except IdempotencyKeyReused as reused:
        raise Refusal(409, "reused_key", f"Idempotency-Key: {reused}") from None


ID = Parameter("id", "Its id.", {"type": "string", "minLength": 1}, needed=True)
AT = Parameter("at", "A time (RFC 3339); default: now.", WHEN)
OVERRIDES, SCHEDULE, OFFERS = "/api/v1/oncall/overrides", "/api/v1/oncall/{schedule}", "/api/v1/oncall/offers"


def oncall_operations(api: OnCallApi) -> list[Operation]:
    """Return the operations for schedules."""
    read, do = Scope.READ, Scope.RESPOND
    days = Parameter(
        "days", "Number of days.", {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS}
    )
    return [
        Operation("GET", "/api/v1/oncall", read, "Who is on call.", api.show, "OnCall", query=(AT,)),
        Operation("GET", "/api/v1/oncall/preflight", read, "People who cannot be reached, and coverage gaps.",
                  api.preflight, "Preflight"),
        Operation("GET", OVERRIDES, read, "Current and upcoming overrides.", api.overrides, "OverrideList"),
        Operation("POST", OVERRIDES, do, "Create an override.", api.override, "Override", OverrideBody,
                  status=201, refuses=(404,)),
        Operation("DELETE", OVERRIDES, do, "End or cancel an override.", api.lift, "Override",
                  query=(ID,), refuses=(404, 409)),
        Operation("DELETE", f"{OVERRIDES}/{{id}}", do, "End or cancel an override.", api.lift, "Override",
                  refuses=(404, 409)),
        Operation("GET", f"{SCHEDULE}/shifts", read, "Upcoming shifts.", api.shifts, "ShiftList",
                  query=(AT, days), refuses=(404,)),
        Operation("POST", f"{SCHEDULE}/accept", do, "Accept the hand-off.", api.accept, "Accepted", Body,
                  optional=True, refuses=(404,)),
    ]  # fmt: skip


def offer_operations(api: ShiftOfferApi) -> list[Operation]:
    """Return the operations for offers, and for the log of a schedule."""
    read_, do = Scope.READ, Scope.RESPOND
    return [
        Operation("GET", OFFERS, read_, "Shifts offered to colleagues.", api.all, "OfferList"),
        Operation("POST", OFFERS, do, "Offer your shifts on certain days.", api.offer, "OfferList", OfferBody,
                  status=201, refuses=(404,)),
        Operation("POST", f"{OFFERS}/{{id}}/accept", do, "Accept an offered shift.", api.accept, "Offer", Body,
                  optional=True, refuses=(404, 409)),
        Operation("DELETE", f"{OFFERS}/{{id}}", do, "Withdraw an open offer.", api.withdraw, "Offer",
                  refuses=(404, 409)),
        Operation("GET", f"{SCHEDULE}/log", read_, "Changes to who is on call, newest first.", api.log,
                  "ScheduleLog", refuses=(404,)),
    ]  # fmt: skip
