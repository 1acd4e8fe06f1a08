"""The API, version 1: test pages, which verify the ways of reaching each person."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from aiohttp import web
from pydantic import Field

from receiver.config.settings.service_settings import Scope
from receiver.model.command import Name
from receiver.pipeline.response.command_handler import ImpossibleCommand
from receiver.pipeline.response.reachability_tests import Means, Proof
from receiver.web.api.bodies.request_bodies import Body
from receiver.web.api.operations import Operation
from receiver.web.api.preconditions import read, repetition
from receiver.web.app_keys import AppParts
from receiver.web.auth.schedule_limits import allow_people
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query
from receiver.web.json.incident_json import listed
from receiver.web.json.oncall_json import proof_shape

MOST = 200
LONGEST = 24 * 3600
"""Maximum number of seconds to wait for a response, because a token is valid no longer."""


class ProveBody(Body):
    """The people who get test pages."""

    people: Annotated[tuple[Name, ...], Field(max_length=MOST)] = Field(
        (), description="Keys of `people`; default: everyone who may be paged."
    )
    within: Annotated[int, Field(ge=30, le=LONGEST)] | None = Field(
        None, description="Seconds to wait for responses; default: `reachability.within`."
    )


class ReachabilityApi:
    """The endpoints of `/api/v1/oncall/prove`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the sender of test pages."""
        self.parts = parts
        self.gate = gate

    async def show(self, request: web.Request) -> web.Response:
        """`GET /api/v1/oncall/prove`: the newest test page for each way of reaching each person."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(listed([proof_shape(one) for one in _sorted(await self.parts.reachability.read())]))

    async def prove(self, request: web.Request) -> web.Response:
        """`POST /api/v1/oncall/prove`: send a test page in each way of reaching each person; they are drills."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, ProveBody, optional=True)
        repetition(request, caller, raw)
        now, schedules = self.parts.clock.now(), self.parts.overrides.schedules
        actor = caller.actor(given.by)
        allow_people(caller, given.people, schedules, now)
        mine = schedules.people_of_teams(caller.teams, now)
        everybody = (one for one in schedules.reached(now) if not caller.teams or one in mine)
        people = given.people or tuple(everybody)
        wait = timedelta(seconds=given.within) if given.within is not None else None
        try:
            made = await self.parts.reachability.ask(people, actor.name, wait, now)
        except ImpossibleCommand as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return answer(listed([proof_shape(one) for one in made]), 202)


def _sorted(proofs: dict[tuple[str, Means], Proof]) -> list[Proof]:
    return [proofs[key] for key in sorted(proofs)]


def reachability_operations(api: ReachabilityApi) -> list[Operation]:
    """Return the operations for test pages."""
    path = "/api/v1/oncall/prove"
    return [
        Operation("GET", path, Scope.READ, "Test pages, and who has responded.", api.show, "ProofList"),
        Operation("POST", path, Scope.RESPOND, "Send test pages through each channel.", api.prove, "ProofList",
                  ProveBody, status=202, optional=True, refuses=(404,)),
    ]  # fmt: skip
