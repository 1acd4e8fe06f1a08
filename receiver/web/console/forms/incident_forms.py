"""The forms of an incident: each verb of the API, with a confirmation first if it cannot be undone."""

from __future__ import annotations

import re
from datetime import timedelta

from aiohttp import web
from pydantic import ValidationError

from receiver.model.command import Assign, Command
from receiver.model.incident.incident import Incident
from receiver.model.validation_messages import first_message
from receiver.pipeline.response.command_handler import (
    CommandResult,
    IdempotencyKeyReused,
    IllegalCommand,
    ImpossibleCommand,
    UnknownIncident,
)
from receiver.pipeline.response.silences import SilenceFailed
from receiver.web.app_keys import AppParts
from receiver.web.auth.form_repetition import form_repetition
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow_team
from receiver.web.console.forms.command_forms import COMMANDS
from receiver.web.console.forms.form_values import SENT_BEFORE, Fields, marked, number_of, text_of
from receiver.web.console.frame import ConsoleFrame
from receiver.web.http.error_responses import Refusal
from receiver.web.incident_queries import by_id

LONGEST_SILENCE_H = 168
MONTH = re.compile(r"/reports/\d{4}-\d{2}")

PLACES = {
    "note": "timeline", "role": "roles", "checklist": "checklist", "action": "actions", "mitigation": "mitigations",
    "team": "more", "visibility": "more", "clock": "more",
    "draft": "public", "correct": "timeline", "discard": "public", "update": "public", "approve": "public",
}  # fmt: skip
"""The part of the page to which the redirect leads."""
CONFIRMED = ("resolve", "approve", "merge")
"""Verbs that cannot be undone and need a confirmation."""


class IncidentForms:
    """`POST /incidents/{id}/{verb}`."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the handler of commands."""
        self.parts = parts
        self.frame = frame

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """Execute the form and redirect; if it cannot be undone, ask for confirmation first. Raises Refusal."""
        number, verb = request.match_info["id"], request.match_info["verb"]
        if verb not in COMMANDS and verb not in ("merge", "silence", "split"):
            raise Refusal(404, "unknown", "page not found")
        if fields.get("confirmed") != "yes" and _asks(verb, fields):
            return await self.ask(request, visitor, number, verb, fields, back=f"/incidents/{number}")
        done = await self.run(number, verb, fields, visitor)
        back, said = fields.get("back", ""), "repeated" if done.repeated else verb
        if not visitor.caller.sees(done.incident):
            # It was handed over to a team whose incidents this person does not see.
            return self.frame.back("/", said)
        if back in ("/", "/console/status") or MONTH.fullmatch(back):
            return self.frame.back(back, said)
        return self.frame.back(f"/incidents/{done.incident.id}", said, PLACES.get(verb, ""))

    async def run(self, number: str, verb: str, fields: Fields, visitor: SignedInPerson) -> CommandResult:
        """Execute one verb on one incident, and return the result with the incident to show. Raises Refusal."""
        await self._allow(number, visitor)
        try:
            return await self._run(number, verb, fields, visitor)
        except UnknownIncident as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        except IdempotencyKeyReused:
            raise Refusal(409, "reused_key", SENT_BEFORE) from None
        except (IllegalCommand, ImpossibleCommand) as illegal:
            raise Refusal(409, "illegal", str(illegal)) from None
        except SilenceFailed as failed:
            raise Refusal(502, "upstream", str(failed)) from None
        except ValidationError as wrong:
            raise Refusal(400, "bad_form", first_message(wrong)) from None
        except ValueError as wrong:
            raise Refusal(400, "bad_form", str(wrong)) from None

    async def _run(self, number: str, verb: str, fields: Fields, visitor: SignedInPerson) -> CommandResult:
        actor, now, respond = visitor.actor, self.parts.clock.now(), self.parts.respond
        once, what = form_repetition(fields, visitor, f"{number} {verb}")
        if verb == "merge":
            into = text_of(fields, "into") or ""
            await self._allow(into, visitor)
            return await respond.merge(number, into, actor, now, once=once, what=what)
        if verb == "silence":
            hours = min(number_of(fields, "hours"), LONGEST_SILENCE_H)
            seconds = round(timedelta(hours=hours).total_seconds())
            return await self.parts.silences.silence(number, seconds, text_of(fields), actor, now, once=once, what=what)
        if verb == "split":
            chosen = marked(fields, "fp.")
            if not chosen:
                raise ValueError("select the alerts that become a separate incident")
            title = text_of(fields, "title")
            return await self.parts.incident_split.split(number, chosen, title, actor, now, once=once, what=what)
        command = COMMANDS[verb](_taken_by(fields, self.frame.you(visitor)))
        return await respond.act(number, self._known(command), actor, now, once=once, what=what)

    async def _allow(self, number: str, visitor: SignedInPerson) -> None:
        """Raise Refusal: 404 for an incident that the visitor may not see, 403 for one of another team."""
        incident = await by_id(self.parts.incidents, number, visitor.caller)
        allow_team(visitor.caller, incident.team)

    def _known(self, command: Command) -> Command:
        # A person who is not in the configuration would get no reminders for the role.
        people = self.frame.people
        if isinstance(command, Assign) and command.person and command.person.removeprefix("@") not in people:
            raise ImpossibleCommand(f"unknown person {command.person} (people: {', '.join(sorted(people))})")
        return command

    async def ask(
        self, request: web.Request, visitor: SignedInPerson, number: str, verb: str, fields: Fields, *, back: str
    ) -> web.Response:
        """Return the page that asks whether that form is to be carried out; Cancel leads to `back`. Raises Refusal."""
        incident = await by_id(self.parts.incidents, number, visitor.caller)
        kept = {name: value for name, value in fields.items() if name != "word"}
        draft = next((one for one in incident.updates if str(one.n) == fields.get("n")), None)
        return await self.frame.show(
            "confirm", request, visitor, verb=verb, fields=kept, incident=incident,
            chosen=[], told=self.told(incident, verb, fields), draft=draft if verb == "approve" else None,
            fires=self.parts.respond.still_firing(incident.firing) if verb == "resolve" else None, back=back,
        )  # fmt: skip

    def told(self, incident: Incident, verb: str, fields: Fields) -> list[str]:
        """Return the recipients who are notified when the form is carried out, one per line."""
        policy = self.parts.setting().policy.of(incident)
        rooms = [f"{to.channel} {to.address}".strip() for to in policy.informs]
        if verb == "severity":
            plan = policy.plan.severities.get(fields.get("severity", ""))  # type: ignore[call-overload]
            return [*(f"pages {name}" for name in (plan.page if plan else ())), *rooms]
        if verb in ("approve", "update"):
            return ["the public status page", *(to.channel for to in (*policy.public, *policy.support)), *rooms]
        return [
            *(f"{name} (page resolved)" for name in dict.fromkeys(page.person for page in incident.unanswered)),
            *rooms,
        ]


def _taken_by(fields: Fields, you: str | None) -> Fields:
    # "Take IC" names no person: it assigns the person who presses it.
    return {**fields, "person": you} if fields.get("person") == "@me" and you else fields


def _asks(verb: str, fields: Fields) -> bool:
    raises = verb == "severity" and fields.get("severity") == "SEV-1"
    return verb in CONFIRMED or raises or (verb == "update" and fields.get("publish") == "yes")
