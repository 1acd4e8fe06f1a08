"""The API, version 1: what a responder does. Each door reads, asks the pipeline, and answers with the incident."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.command import ApproveUpdate, Command
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.pipeline.response.command_handler import (
    CommandResult,
    IdempotencyKeyReused,
    IllegalCommand,
    ImpossibleCommand,
    UnknownIncident,
    VersionConflict,
)
from receiver.pipeline.response.silences import SilenceFailed
from receiver.web.api.preconditions import read, repetition, seen_version
from receiver.web.api.request_bodies import (
    LIFECYCLE,
    ActionBody,
    ActionPatch,
    Body,
    ChecklistBody,
    CloseBody,
    DeclareBody,
    LifecycleBody,
    MergeBody,
    MitigationBody,
    NoteBody,
    PageBody,
    PatchBody,
    RoleBody,
    SilenceBody,
    SplitBody,
    TimerBody,
    UpdateBody,
)
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query
from receiver.web.json.incident_json import incident_shape

Given = TypeVar("Given", bound=Body)


class IncidentCommandApi:
    """The doors under `/api/v1/incidents` that change something."""

    def __init__(self, doors: AppParts, gate: TokenCheck) -> None:
        """Take what commands are given to."""
        self.doors = doors
        self.gate = gate

    async def declare(self, request: web.Request) -> web.Response:
        """`POST /api/v1/incidents`: open an incident by hand."""
        given, actor, once, what = await self.given(request, DeclareBody)
        done = await _told(
            self.doors.respond.declare(given.request(), actor, self.doors.clock.now(), once=once, what=what)
        )
        response = self._answer(done, 201)
        response.headers["Location"] = f"{self.doors.config.public_path}/api/v1/incidents/{done.incident.id}"
        return response

    async def patch(self, request: web.Request) -> web.Response:
        """`PATCH /api/v1/incidents/{id}`: title, severity, summary, cause, impact, resolution."""
        return await self._do(request, PatchBody)

    async def lifecycle(self, request: web.Request) -> web.Response:
        """`POST .../acknowledge, /identify, /mitigate, /resolve, /close, /reopen, /escalate`."""
        verb = request.path.rpartition("/")[2]
        model = CloseBody if verb == "close" else LifecycleBody
        given, actor, once, what = await self.given(request, model, optional=True)
        fields = given.model_dump(exclude={"by"}, exclude_defaults=True)
        return await self._act(request, LIFECYCLE[verb](**fields), actor, once, what)

    async def merge(self, request: web.Request) -> web.Response:
        """`POST .../merge`: this incident is part of another; answers with that one."""
        given, actor, once, what = await self.given(request, MergeBody)
        number, now = request.match_info["id"], self.doors.clock.now()
        expected = seen_version(request)
        acting = self.doors.respond.merge(number, given.into, actor, now, expected=expected, once=once, what=what)
        return self._answer(await _told(acting))

    async def split(self, request: web.Request) -> web.Response:
        """`POST .../split`: some of its alerts are another incident, which is the answer."""
        given, actor, once, what = await self.given(request, SplitBody)
        number, now = request.match_info["id"], self.doors.clock.now()
        expected = seen_version(request)
        acting = self.doors.incident_split.split(
            number, given.fingerprints, given.title, actor, now, expected=expected, once=once, what=what
        )
        return self._answer(await _told(acting))

    async def notes(self, request: web.Request) -> web.Response:
        """`POST .../notes`."""
        return await self._do(request, NoteBody)

    async def roles(self, request: web.Request) -> web.Response:
        """`POST .../roles`."""
        return await self._do(request, RoleBody)

    async def status_updates(self, request: web.Request) -> web.Response:
        """`POST .../status-updates`."""
        return await self._do(request, UpdateBody)

    async def approve(self, request: web.Request) -> web.Response:
        """`POST .../status-updates/{n}/approve`."""
        _, actor, once, what = await self.given(request, Body, optional=True)
        return await self._act(request, ApproveUpdate(n=number_of(request)), actor, once, what)

    async def checklist(self, request: web.Request) -> web.Response:
        """`POST .../checklist`."""
        return await self._do(request, ChecklistBody)

    async def actions(self, request: web.Request) -> web.Response:
        """`POST .../actions`."""
        return await self._do(request, ActionBody)

    async def change_action(self, request: web.Request) -> web.Response:
        """`PATCH .../actions/{n}`."""
        given, actor, once, what = await self.given(request, ActionPatch)
        return await self._act(request, given.command(number_of(request)), actor, once, what)

    async def mitigations(self, request: web.Request) -> web.Response:
        """`POST .../mitigations`."""
        return await self._do(request, MitigationBody)

    async def pages(self, request: web.Request) -> web.Response:
        """`POST .../pages`: page somebody else into the incident."""
        return await self._do(request, PageBody)

    async def timer(self, request: web.Request) -> web.Response:
        """`POST .../timer`."""
        return await self._do(request, TimerBody)

    async def silence(self, request: web.Request) -> web.Response:
        """`POST .../silence`: a silence upstream from the incident's labels; it ends with the incident."""
        given, actor, once, what = await self.given(request, SilenceBody)
        now, number = self.doors.clock.now(), request.match_info["id"]
        expected = seen_version(request)
        acting = self.doors.silences.silence(
            number, given.duration, given.text, actor, now, expected=expected, once=once, what=what
        )
        return self._answer(await _told(acting))

    async def call(self, request: web.Request) -> web.Response:
        """`POST /api/v1/pages`: page a contact outside any incident."""
        given, actor, once, what = await self.given(request, PageBody)
        now = self.doors.clock.now()
        called = await _told(self.doors.calls.page(given.contact, given.text, actor, now, once=once, what=what))
        pages = [{"contact": one.contact, "person": one.person, "channel": one.channel} for one in called.pages]
        return answer({"pages": pages, "just_paged": called.just_paged}, 201)

    async def _do(self, request: web.Request, model: type[Any]) -> web.Response:
        given, actor, once, what = await self.given(request, model)
        command: Command = given.command()
        return await self._act(request, command, actor, once, what)

    async def _act(
        self, request: web.Request, command: Command, actor: Actor, once: str | None, what: str
    ) -> web.Response:
        return self._answer(await self.acted(request, command, actor, once, what))

    async def acted(
        self, request: web.Request, command: Command, actor: Actor, once: str | None, what: str
    ) -> CommandResult:
        """Do `command` to the incident of the path. Raises Refusal."""
        number, now = request.match_info["id"], self.doors.clock.now()
        expected = seen_version(request)
        acting = self.doors.respond.act(number, command, actor, now, expected=expected, once=once, what=what)
        return await _told(acting)

    async def given(
        self, request: web.Request, model: type[Given], *, optional: bool = False
    ) -> tuple[Given, Actor, str | None, str]:
        """Return the body, who sent it, and what guards against repetition. Raises Refusal."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, model, optional=optional)
        once, what = repetition(request, caller, raw)
        return given, Actor(kind=ActorKind.API, name=given.by or caller.name), once, what

    def _answer(self, done: CommandResult, status: int = 200) -> web.Response:
        return incident_answer(self.doors, done.incident, status)


def incident_answer(doors: AppParts, incident: Incident, status: int = 200, **more: Any) -> web.Response:
    """Return an incident with its version as ETag."""
    setting = doors.setting()
    links = setting.links(incident, doors.clock.now())
    response = answer(incident_shape(incident, links=links, url=setting.url(incident), **more), status)
    response.headers["ETag"] = f'"{incident.version}"'
    return response


def number_of(request: web.Request) -> int:
    """Return `n` of the path. Raises Refusal (404)."""
    text = request.match_info["n"]
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text)):
        raise Refusal(404, "unknown", "there is nothing of that number here")
    return int(text)


Result = TypeVar("Result")


async def _told(acting: Awaitable[Result]) -> Result:
    """Return what `acting` does; what cannot be done becomes a refusal that says why and what is possible."""
    try:
        return await acting
    except UnknownIncident as unknown:
        raise Refusal(404, "unknown", str(unknown)) from None
    except IllegalCommand as illegal:
        possible = [{"path": "possible", "message": word} for word in illegal.possible]
        raise Refusal(409, "illegal", str(illegal), errors=possible) from None
    except ImpossibleCommand as impossible:
        raise Refusal(404, "impossible", str(impossible)) from None
    except SilenceFailed as unanswered:
        raise Refusal(502, "upstream", str(unanswered)) from None
    except VersionConflict as changed:
        version = changed.incident.version
        tag = {"ETag": f'"{version}"'}
        raise Refusal(412, "changed", f"it has changed: it is at version {version}", headers=tag) from None
    except IdempotencyKeyReused as reused:
        raise Refusal(409, "reused_key", f"Idempotency-Key: {reused}") from None
