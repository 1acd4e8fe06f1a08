"""The forms of the console: converts the fields of a form to a command for each verb of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import ValidationError

from receiver.model.command import (
    Acknowledge,
    AddAction,
    AddNote,
    ApproveUpdate,
    Assign,
    ChangeAction,
    CheckOff,
    Choose,
    Close,
    Command,
    CorrectEntry,
    DiscardDraft,
    Edit,
    EditDraft,
    Escalate,
    Identify,
    MarkNoise,
    Mitigate,
    PageContact,
    Reopen,
    Resolve,
    RunTimer,
    UpdateStatusPage,
)
from receiver.model.field_words import first_of
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from receiver.model.wall_clock import check_when, parse_when
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
from receiver.web.console.frame import ConsoleFrame
from receiver.web.http.error_responses import Refusal
from receiver.web.incident_queries import by_id

Fields = Mapping[str, str]
LONGEST_SILENCE_H = 168
SENT_BEFORE = "this form was sent before with other contents; nothing was changed now"


def text_of(fields: Fields, name: str = "text") -> str | None:
    """Return a field, None if it is missing or empty; line ends are normalized."""
    return fields.get(name, "").replace("\r\n", "\n").strip() or None


def moment_of(fields: Fields, name: str) -> datetime | None:
    """Return the time in UTC of a field, None if it is empty. Raises ValueError if it is not a time."""
    text = text_of(fields, name)
    return parse_when(check_when(text), ZoneInfo("UTC")) if text else None


def _number(fields: Fields, name: str = "n") -> int:
    text = fields.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ValueError(f"{name}: not a number")
    return int(text)


def _update(fields: Fields) -> Command:
    return UpdateStatusPage.model_validate(
        {"status": fields.get("status"), "text": text_of(fields), "publish": fields.get("publish") == "yes",
         "next_update": moment_of(fields, "next_update"),
         "components": [name[10:] for name in fields if name.startswith("component.")] or None}
    )  # fmt: skip


def _action(fields: Fields) -> Command:
    due = text_of(fields, "due")
    if fields.get("n"):
        return ChangeAction.model_validate({"n": _number(fields), "status": fields.get("status")})
    return AddAction.model_validate(
        {"title": text_of(fields, "title"), "owner": text_of(fields, "owner"),
         "due": date.fromisoformat(due) if due else None}
    )  # fmt: skip


def _edit(fields: Fields) -> Command:
    names = ("title", "summary", "cause", "impact", "resolution")
    said = {name: text for name in names if (text := text_of(fields, name))}
    if not said:
        raise ValueError(f"write at least one of {', '.join(names)}")
    return Edit.model_validate(said)


def _severity(fields: Fields) -> Command:
    # An Edit without a severity is also a command, and would report that the severity was changed.
    if fields.get("severity") not in list(Severity):
        raise ValueError(f"severity: choose one of {', '.join(Severity)}")
    return Edit.model_validate({"severity": fields["severity"], "text": text_of(fields)})


COMMANDS: dict[str, Callable[[Fields], Command]] = {
    "acknowledge": lambda f: Acknowledge(text=text_of(f)),
    "identify": lambda f: Identify(text=text_of(f)),
    "mitigate": lambda f: Mitigate(text=text_of(f)),
    "resolve": lambda f: Resolve(text=text_of(f)),
    "close": lambda f: Close(text=text_of(f), force=f.get("force") == "yes"),
    "reopen": lambda f: Reopen(text=text_of(f)),
    "escalate": lambda f: Escalate(text=text_of(f)),
    "note": lambda f: AddNote.model_validate({"text": text_of(f), "at": moment_of(f, "at")}),
    "role": lambda f: Assign.model_validate({"role": f.get("role"), "person": text_of(f, "person")}),
    "checklist": lambda f: CheckOff(item=_number(f, "item"), done=f.get("done") == "yes"),
    "action": _action,
    "mitigation": lambda f: Choose.model_validate({"option": text_of(f, "option"), "text": text_of(f)}),
    "page": lambda f: PageContact.model_validate({"contact": f.get("contact"), "text": text_of(f)}),
    "update": _update,
    "approve": lambda f: ApproveUpdate(n=_number(f)),
    "discard": lambda f: DiscardDraft(n=_number(f)),
    "draft": lambda f: EditDraft.model_validate({"n": _number(f), "text": text_of(f)}),
    "noise": lambda f: MarkNoise(noise=f.get("noise") != "no", text=text_of(f)),
    "severity": _severity,
    "edit": _edit,
    "timer": lambda f: RunTimer.model_validate({"action": f.get("action")}),
    "correct": lambda f: CorrectEntry.model_validate(
        {"seq": _number(f), "text": text_of(f), "hidden": True if f.get("hide") == "yes" else None}
    ),
}
"""The verbs of `/incidents/{id}/{verb}` that are a single command."""
PLACES = {
    "note": "timeline", "role": "roles", "checklist": "checklist", "action": "actions", "mitigation": "mitigations",
    "draft": "public", "correct": "timeline", "discard": "public", "update": "public", "approve": "public",
}  # fmt: skip
"""The part of the page to which the redirect leads."""
CONFIRMED = ("resolve", "approve", "merge")
"""Verbs that cannot be undone and need a confirmation."""


class IncidentForms:
    """`POST /incidents/{id}/{verb}`."""

    def __init__(self, doors: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the handler of commands."""
        self.doors = doors
        self.frame = frame

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """Execute the form and redirect; if it cannot be undone, ask for confirmation first. Raises Refusal."""
        number, verb = request.match_info["id"], request.match_info["verb"]
        if verb not in COMMANDS and verb not in ("merge", "silence", "split"):
            raise Refusal(404, "unknown", "page not found")
        if fields.get("confirmed") != "yes" and _asks(verb, fields):
            return await self._ask(request, visitor, verb, fields)
        done = await self.run(number, verb, fields, visitor)
        back, said = fields.get("back", ""), "repeated" if done.repeated else verb
        if back in ("/", "/console/status"):
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
            raise Refusal(400, "bad_form", first_of(wrong)) from None
        except ValueError as wrong:
            raise Refusal(400, "bad_form", str(wrong)) from None

    async def _run(self, number: str, verb: str, fields: Fields, visitor: SignedInPerson) -> CommandResult:
        actor, now, respond = visitor.actor, self.doors.clock.now(), self.doors.respond
        once, what = form_repetition(fields, visitor, f"{number} {verb}")
        if verb == "merge":
            into = text_of(fields, "into") or ""
            await self._allow(into, visitor)
            return await respond.merge(number, into, actor, now, once=once, what=what)
        if verb == "silence":
            hours = min(_number(fields, "hours"), LONGEST_SILENCE_H)
            seconds = round(timedelta(hours=hours).total_seconds())
            return await self.doors.silences.silence(number, seconds, text_of(fields), actor, now, once=once, what=what)
        if verb == "split":
            chosen = [name.removeprefix("fp.") for name in fields if name.startswith("fp.")]
            if not chosen:
                raise ValueError("select the alerts that become a separate incident")
            title = text_of(fields, "title")
            return await self.doors.incident_split.split(number, chosen, title, actor, now, once=once, what=what)
        command = COMMANDS[verb](_taken_by(fields, self.frame.you(visitor)))
        return await respond.act(number, self._known(command), actor, now, once=once, what=what)

    async def _allow(self, number: str, visitor: SignedInPerson) -> None:
        """Raise Refusal: 404 for an incident that the visitor may not see, 403 for one of another team."""
        incident = await by_id(self.doors.incidents, number, visitor.caller)
        allow_team(visitor.caller, incident.team)

    def _known(self, command: Command) -> Command:
        # A person who is not in the configuration would get no reminders for the role.
        people = self.frame.people
        if isinstance(command, Assign) and command.person and command.person.removeprefix("@") not in people:
            raise ImpossibleCommand(f"unknown person {command.person} (people: {', '.join(sorted(people))})")
        return command

    async def _ask(self, request: web.Request, visitor: SignedInPerson, verb: str, fields: Fields) -> web.Response:
        incident = await by_id(self.doors.incidents, request.match_info["id"], visitor.caller)
        kept = {name: value for name, value in fields.items() if name != "word"}
        draft = next((one for one in incident.updates if str(one.n) == fields.get("n")), None)
        return await self.frame.show(
            "confirm", request, visitor, verb=verb, fields=kept, incident=incident,
            told=self._told(incident, verb, fields), draft=draft if verb == "approve" else None,
            fires=self.doors.respond.still_firing(incident.firing) if verb == "resolve" else None,
            back=f"/incidents/{incident.id}",
        )  # fmt: skip

    def _told(self, incident: Incident, verb: str, fields: Fields) -> list[str]:
        policy = self.doors.setting().policy.of(incident)
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
