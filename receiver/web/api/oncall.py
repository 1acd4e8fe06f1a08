"""The API, version 1: who is on call, overrides, and hand-offs that are accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.base import rfc3339
from receiver.model.incident.event import Actor, ActorKind
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.pipeline.oncall.overrides import NoSuchOverride, PastOverride
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, ImpossibleCommand, InvalidField
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.api.operations import Operation, Parameter
from receiver.web.api.preconditions import read, repetition
from receiver.web.api.request_bodies import Body, OverrideBody
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import Caller, TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_moment, read_once
from receiver.web.json.answer_schemas import WHEN
from receiver.web.json.incident_json import listed
from receiver.web.json.oncall_json import override_shape, preflight_shape, shift_shape

DAYS = 14
"""Days of shifts that are listed when nobody says how many."""
MOST_DAYS = 400
MOST_SHIFTS = 1000


class OnCallApi:
    """The doors under `/api/v1/oncall`."""

    def __init__(self, doors: AppParts, gate: TokenCheck) -> None:
        """Take what knows of schedules, and what changes them."""
        self.doors = doors
        self.gate = gate

    async def show(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall`: who is on call in each schedule, now or `at` another time."""
        self.gate.admit(request, Scope.READ)
        given = read_once(request, "at")
        now = self.doors.clock.now()
        at = read_moment("at", given["at"]) if "at" in given else now
        return answer({"schedules": {name: self._shift(name, at, now) for name in self._schedules.names}})

    async def shifts(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/{schedule}/shifts`: the shifts of the next days, gaps among them."""
        self.gate.admit(request, Scope.READ)
        given = read_once(request, "at", "days")
        begins = read_moment("at", given["at"]) if "at" in given else self.doors.clock.now()
        days = given.get("days", str(DAYS))
        if not (days.isascii() and days.isdigit() and len(days) <= 3 and 1 <= int(days) <= MOST_DAYS):
            raise Refusal(400, "bad_query", f"days: write a number from 1 to {MOST_DAYS}")
        with _telling():
            shifts = self._schedules.shifts(request.match_info["schedule"], begins, timedelta(days=int(days)))
        people = self._schedules.people
        return answer(listed([shift_shape(shift, people) for shift in islice(shifts, MOST_SHIFTS)]))

    async def preflight(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/preflight`: who is unreachable, and which hours nobody holds, in the next 14 days."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(preflight_shape(self._schedules.preflight(self.doors.clock.now())))

    async def overrides(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/overrides`: those made by command that hold, or are to come, the earliest first."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(listed([override_shape(one) for one in self._schedules.overrides(self.doors.clock.now())]))

    async def override(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/overrides`: somebody takes over for a while."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, OverrideBody)
        once, _ = repetition(request, caller, raw)
        actor, now = _actor(caller, given), self.doors.clock.now()
        with _telling():
            made = await self.doors.overrides.override(
                given.schedule, given.person, given.from_, given.until, actor, now, once=once
            )
        return answer(override_shape(made), 201)

    async def lift(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/oncall/overrides/{id}` or `?id=`: one that holds ends now, one to come never begins."""
        caller = self.gate.admit(request, Scope.RESPOND)
        if "id" in request.match_info:
            no_query(request)
            number = request.match_info["id"]
        else:
            number = read_once(request, "id").get("id", "")
            if not number:
                raise Refusal(400, "bad_query", "id: write the id of the override")
        with _telling():
            ended = await self.doors.overrides.lift(number, _actor(caller, None), self.doors.clock.now())
        return answer(override_shape(ended))

    async def accept(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/{schedule}/accept`: whoever has taken over says so; the first to say it counts."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, Body, optional=True)
        repetition(request, caller, raw)
        name, now = request.match_info["schedule"], self.doors.clock.now()
        with _telling():
            done = await self.doors.overrides.accept(name, _actor(caller, given), now)
        return answer(
            {
                "schedule": done.handing.schedule, "person": done.handing.incoming,
                "since": rfc3339(done.handing.at), "by": done.by, "at": rfc3339(done.at),
            }
        )  # fmt: skip

    @property
    def _schedules(self) -> OnCallOverview:
        return self.doors.overrides.schedules

    def _shift(self, name: str, at: datetime, now: datetime) -> dict[str, Any]:
        done = self._schedules.accepted(self._schedules.handing(name, at)) if at == now else None
        shape = shift_shape(self._schedules.at(name, at), self._schedules.people)
        return {**shape, "accepted": {"by": done.by, "at": rfc3339(done.at)} if done else None}


def _actor(caller: Caller, given: Body | None) -> Actor:
    return Actor(kind=ActorKind.API, name=(given and given.by) or caller.name)


@contextmanager
def _telling() -> Iterator[None]:
    """What cannot be done becomes a refusal that says what would be right."""
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
AT = Parameter("at", "A time (RFC 3339); left out: now.", WHEN)
OVERRIDES, SCHEDULE = "/api/v1/oncall/overrides", "/api/v1/oncall/{schedule}"


def oncall_operations(api: OnCallApi) -> list[Operation]:
    """Return what can be asked and done about schedules."""
    read, do = Scope.READ, Scope.RESPOND
    days = Parameter(
        "days", "How many days of shifts.", {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS}
    )
    return [
        Operation("GET", "/api/v1/oncall", read, "Who is on call.", api.show, "OnCall", query=(AT,)),
        Operation("GET", "/api/v1/oncall/preflight", read, "Who is unreachable, and which hours nobody holds.",
                  api.preflight, "Preflight"),
        Operation("GET", OVERRIDES, read, "Overrides that hold or are to come.", api.overrides, "OverrideList"),
        Operation("POST", OVERRIDES, do, "Somebody takes over for a while.", api.override, "Override", OverrideBody,
                  status=201, refuses=(404,)),
        Operation("DELETE", OVERRIDES, do, "End an override, or take it back.", api.lift, "Override",
                  query=(ID,), refuses=(404, 409)),
        Operation("DELETE", f"{OVERRIDES}/{{id}}", do, "End an override, or take it back.", api.lift, "Override",
                  refuses=(404, 409)),
        Operation("GET", f"{SCHEDULE}/shifts", read, "The shifts of the next days.", api.shifts, "ShiftList",
                  query=(AT, days), refuses=(404,)),
        Operation("POST", f"{SCHEDULE}/accept", do, "Accept the hand-off.", api.accept, "Accepted", Body,
                  optional=True, refuses=(404,)),
    ]  # fmt: skip
