"""The API, version 1: commands of responders. Each endpoint calls the pipeline and returns the incident."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.command import ApproveUpdate, Command, DiscardDraft, EditDraft
from receiver.model.incident.event import Actor
from receiver.model.incident.incident import Incident
from receiver.pipeline.response.adhoc_pages import AnotherTeam
from receiver.pipeline.response.command_handler import (
    CommandResult,
    IdempotencyKeyReused,
    IllegalCommand,
    ImpossibleCommand,
    UnknownIncident,
    VersionConflict,
)
from receiver.pipeline.response.silences import SilenceFailed
from receiver.pipeline.response.upcoming_steps import upcoming
from receiver.store.client.connection import StoreAway
from receiver.web.api.bodies.request_bodies import (
    LIFECYCLE,
    ActionBody,
    ActionPatch,
    Body,
    ChecklistBody,
    CloseBody,
    DeclareBody,
    DraftBody,
    LifecycleBody,
    MergeBody,
    MitigationBody,
    NoiseBody,
    NoteBody,
    PageBody,
    PatchBody,
    RoleBody,
    SilenceBody,
    SplitBody,
    TeamBody,
    TimerBody,
    UpdateBody,
    VisibilityBody,
)
from receiver.web.api.preconditions import read, repetition, seen_version
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck, allow_team
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query
from receiver.web.incident_queries import by_id, shown_after
from receiver.web.json.incident_json import incident_shape

Given = TypeVar("Given", bound=Body)


class IncidentCommandApi:
    """The endpoints under `/api/v1/incidents` that change incidents."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the handler of commands."""
        self.parts = parts
        self.gate = gate

    async def declare(self, request: web.Request) -> web.Response:
        """`POST /api/v1/incidents`: open an incident manually."""
        given, actor, once, what = await self.given(request, DeclareBody)
        caller, asked = self.gate.admit(request, Scope.RESPOND), given.request()
        if len(caller.teams) == 1 and not asked.team:
            asked = asked.model_copy(update={"team": next(iter(caller.teams))})
        allow_team(caller, asked.team)
        done = await _told(self.parts.respond.declare(asked, actor, self.parts.clock.now(), once=once, what=what))
        response = await self._answer(request, done, 201)
        response.headers["Location"] = f"{self.parts.config.public_path}/api/v1/incidents/{done.incident.id}"
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
        """`POST .../merge`: merge this incident into another, which is returned."""
        given, actor, once, what = await self.given(request, MergeBody)
        if (caller := self.gate.admit(request, Scope.RESPOND)).teams:
            allow_team(caller, (await by_id(self.parts.incidents, given.into, caller)).team)
        number, now = request.match_info["id"], self.parts.clock.now()
        expected = seen_version(request)
        acting = self.parts.respond.merge(number, given.into, actor, now, expected=expected, once=once, what=what)
        return await self._answer(request, await _told(acting))

    async def split(self, request: web.Request) -> web.Response:
        """`POST .../split`: move some of its alerts to a new incident, which is returned."""
        given, actor, once, what = await self.given(request, SplitBody)
        number, now = request.match_info["id"], self.parts.clock.now()
        expected = seen_version(request)
        acting = self.parts.incident_split.split(
            number, given.fingerprints, given.title, actor, now, expected=expected, once=once, what=what
        )
        return await self._answer(request, await _told(acting))

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

    async def edit_draft(self, request: web.Request) -> web.Response:
        """`PATCH .../status-updates/{n}`: change the text of a draft."""
        given, actor, once, what = await self.given(request, DraftBody)
        return await self._act(request, EditDraft(n=number_of(request), text=given.text), actor, once, what)

    async def discard(self, request: web.Request) -> web.Response:
        """`POST .../status-updates/{n}/discard`."""
        _, actor, once, what = await self.given(request, Body, optional=True)
        return await self._act(request, DiscardDraft(n=number_of(request)), actor, once, what)

    async def noise(self, request: web.Request) -> web.Response:
        """`POST .../noise`: mark it as noise, or remove the mark."""
        given, actor, once, what = await self.given(request, NoiseBody, optional=True)
        return await self._act(request, given.command(), actor, once, what)

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
        """`POST .../pages`: page another contact into the incident."""
        return await self._do(request, PageBody)

    async def visibility(self, request: web.Request) -> web.Response:
        """`POST .../visibility`: make it visible to its own team only, or to every reader."""
        return await self._do(request, VisibilityBody)

    async def team(self, request: web.Request) -> web.Response:
        """`POST .../team`: hand it over to another team, which is paged."""
        return await self._do(request, TeamBody)

    async def timer(self, request: web.Request) -> web.Response:
        """`POST .../timer`."""
        return await self._do(request, TimerBody)

    async def silence(self, request: web.Request) -> web.Response:
        """`POST .../silence`: a silence in Alertmanager with the incident's labels; it ends with the incident."""
        given, actor, once, what = await self.given(request, SilenceBody)
        now, number = self.parts.clock.now(), request.match_info["id"]
        expected = seen_version(request)
        acting = self.parts.silences.silence(
            number, given.duration, given.text, actor, now, expected=expected, once=once, what=what
        )
        return await self._answer(request, await _told(acting))

    async def call(self, request: web.Request) -> web.Response:
        """`POST /api/v1/pages`: page a contact outside any incident."""
        given, actor, once, what = await self.given(request, PageBody)
        now = self.parts.clock.now()
        teams = self.gate.admit(request, Scope.RESPOND).teams
        asked = self.parts.calls.page(given.contact, given.text, actor, now, once=once, what=what, teams=teams)
        try:
            called = await _told(asked)
        except AnotherTeam as foreign:
            raise Refusal(403, "wrong_team", str(foreign)) from None
        pages = [{"contact": one.contact, "person": one.person, "channel": one.channel} for one in called.pages]
        return answer({"pages": pages, "just_paged": called.just_paged}, 201)

    async def _do(self, request: web.Request, model: type[Any]) -> web.Response:
        given, actor, once, what = await self.given(request, model)
        command: Command = given.command()
        return await self._act(request, command, actor, once, what)

    async def _act(
        self, request: web.Request, command: Command, actor: Actor, once: str | None, what: str
    ) -> web.Response:
        return await self._answer(request, await self.acted(request, command, actor, once, what))

    async def acted(
        self, request: web.Request, command: Command, actor: Actor, once: str | None, what: str
    ) -> CommandResult:
        """Execute `command` on the incident of the path. Raises Refusal."""
        number, now = request.match_info["id"], self.parts.clock.now()
        expected = seen_version(request)
        acting = self.parts.respond.act(number, command, actor, now, expected=expected, once=once, what=what)
        return await _told(acting)

    async def given(
        self, request: web.Request, model: type[Given], *, optional: bool = False
    ) -> tuple[Given, Actor, str | None, str]:
        """Return the body, its sender, and the guards against repetition. Raises Refusal.

        404 if the caller may not see the incident of the path, 403 if it may read the incident but not change it.
        """
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        if "id" in request.match_info and caller.teams:
            incident = await by_id(self.parts.incidents, request.match_info["id"], caller)
            allow_team(caller, incident.team)
        given, raw = await read(request, model, optional=optional)
        once, what = repetition(request, caller, raw)
        return given, caller.actor(given.by), once, what

    async def answered(self, request: web.Request, done: CommandResult) -> web.Response:
        """Return the incident after a command, with the data that the caller of `request` may see."""
        caller = self.gate.admit(request, Scope.RESPOND)
        return incident_answer(self.parts, await shown_after(self.parts.incidents, done.incident, caller))

    async def _answer(self, request: web.Request, done: CommandResult, status: int = 200) -> web.Response:
        # The command is committed: if the store is unavailable by now, the response lacks the receipts.
        answers = None
        with suppress(StoreAway):
            answers = await self.parts.incidents.receipts(done.incident.uid)
        told = {"changed": [event.text for event in done.events], "warnings": [done.warning] if done.warning else []}
        incident = await shown_after(self.parts.incidents, done.incident, self.gate.admit(request, Scope.RESPOND))
        return incident_answer(self.parts, incident, status, told, answers=answers)


def incident_answer(
    parts: AppParts, incident: Incident, status: int = 200, told: dict[str, list[str]] | None = None, **more: Any
) -> web.Response:
    """Return an incident with its version as ETag; `told`: the changes of a command, and warnings for its caller."""
    setting, now = parts.setting(), parts.clock.now()
    links, following = setting.links(incident, now), upcoming(incident, setting, now)
    shape = incident_shape(incident, links=links, url=setting.url(incident), upcoming=following, **more)
    response = answer({**shape, **(told or {})}, status)
    response.headers["ETag"] = f'"{incident.version}"'
    return response


def number_of(request: web.Request) -> int:
    """Return `n` of the path. Raises Refusal (404)."""
    text = request.match_info["n"]
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text)):
        raise Refusal(404, "unknown", "this incident has no item with that number")
    return int(text)


Result = TypeVar("Result")


async def _told(acting: Awaitable[Result]) -> Result:
    """Return the result of `acting`; an error becomes a refusal with the reason and the possible commands."""
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
        raise Refusal(412, "changed", f"the incident has changed: it is at version {version}", headers=tag) from None
    except IdempotencyKeyReused as reused:
        raise Refusal(409, "reused_key", f"Idempotency-Key: {reused}") from None
