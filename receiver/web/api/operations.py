"""The operations of the API: one table, from which the routes and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import BaseModel

from receiver.config.settings.service_settings import Scope
from receiver.web.api import request_bodies as b
from receiver.web.api.event_stream import Stream
from receiver.web.api.incident_commands import IncidentCommandApi
from receiver.web.api.incidents import IncidentApi
from receiver.web.http.body_reader import expect

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query."""

    name: str
    text: str
    schema: dict[str, object]
    many: bool = False
    """Whether it may stand there several times: any of them."""
    needed: bool = False


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    scope: Scope
    summary: str
    handler: Handler
    answer: str
    """Name of the schema of its answer (answer_schemas.py), `""` for none."""
    body: type[BaseModel] | None = None
    optional: bool = False
    """Whether the body may be left out."""
    status: int = 200
    query: tuple[Parameter, ...] = ()
    kind: str = "application/json"
    refuses: tuple[int, ...] = field(default=())
    """Statuses of refusals beside those that every operation may answer."""

    repeats: bool = False
    """Whether the same request again is done again: it answers with what nobody keeps."""

    @property
    def guarded(self) -> bool:
        """Whether it changes an incident, so that If-Match and Idempotency-Key count."""
        return not self.repeats and self.method in ("POST", "PATCH", "PUT") and self.scope is Scope.RESPOND

    @property
    def name(self) -> str:
        """A name that no other operation has."""
        words = [word for word in self.path.replace("{", "").replace("}", "").split("/")[3:] if word]
        return "_".join((self.method.lower(), *words)).replace("-", "_").replace(".", "_")


OPERATIONS = web.AppKey("operations", list[Operation])


def offer(app: web.Application, operations: Sequence[Operation]) -> None:
    """Route `operations`, and let the document tell of them."""
    known = app.setdefault(OPERATIONS, [])
    for one in operations:
        known.append(one)
        app.router.add_route(one.method, one.path, one.handler, expect_handler=expect)
        if one.method == "GET":
            # A GET without its body (RFC 9110, 9.1): every server has to know it.
            app.router.add_route("HEAD", one.path, one.handler)


def _word(*words: str) -> dict[str, object]:
    return {"type": "string", "enum": list(words)}


FILTERS = (
    Parameter(
        "state", "Only of these states.",
        _word("open", "acknowledged", "identified", "monitoring", "resolved", "closed"), many=True,
    ),
    Parameter("severity", "Only of these severities.", {"$ref": "#/components/schemas/Severity"}, many=True),
    Parameter("service", "Only of these services.", {"type": "string"}, many=True),
    Parameter("open", "true: only those that are not over; false: only those that are.", _word("true", "false")),
    Parameter(
        "queue", "true: the queue: open incidents of a severity that is tracked there, those that nobody owns first, "
        "then the oldest first.", _word("true"),
    ),
    Parameter("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
    Parameter(
        "cursor", "What `next` of the page before said.",
        {"type": "string", "pattern": r"^[0-9]{1,15}\.[0-9a-f]{1,64}$"},
    ),
)  # fmt: skip
INCIDENT = "/api/v1/incidents/{id}"


def incident_operations(api: IncidentApi, respond: IncidentCommandApi, stream: Stream) -> list[Operation]:
    """Return what can be asked and done about incidents."""
    read, do = Scope.READ, Scope.RESPOND
    conflict = (404, 409, 412)
    moves = {
        "acknowledge": "Take it on: nobody else is called, as its severity says.",
        "identify": "The cause is known.",
        "mitigate": "The fix is in: watch it.",
        "resolve": "It is over.",
        "reopen": "It is not over after all: its contacts are paged again.",
        "escalate": "Take the next step of the escalation now.",
    }
    work: list[tuple[str, type[BaseModel], Handler, str]] = [
        ("notes", b.NoteBody, respond.notes, "Write into the timeline."),
        ("roles", b.RoleBody, respond.roles, "Give a role to somebody."),
        ("status-updates", b.UpdateBody, respond.status_updates, "Say how it stands, for the public."),
        ("checklist", b.ChecklistBody, respond.checklist, "Tick an item of the investigation checklist."),
        ("actions", b.ActionBody, respond.actions, "Promise an action item."),
        ("mitigations", b.MitigationBody, respond.mitigations, "Choose a mitigation."),
        ("pages", b.PageBody, respond.pages, "Page somebody else into the incident."),
        ("silence", b.SilenceBody, respond.silence, "Silence its alerts in Alertmanager; ends with the incident."),
        ("timer", b.TimerBody, respond.timer, "Start or stop the timer."),
    ]
    return [
        Operation("GET", "/api/v1/incidents", read, "Incidents, newest first.", api.incidents, "IncidentList",
                  query=FILTERS),
        Operation("POST", "/api/v1/incidents", do, "Declare an incident.", respond.declare, "Incident", b.DeclareBody,
                  status=201),
        Operation("GET", INCIDENT, read, "One incident, whole.", api.incident, "Incident", refuses=(404,)),
        Operation("PATCH", INCIDENT, do, "Change what is said about it.", respond.patch, "Incident", b.PatchBody,
                  refuses=conflict),
        *(
            Operation("POST", f"{INCIDENT}/{verb}", do, text, respond.lifecycle, "Incident", b.LifecycleBody,
                      optional=True, refuses=conflict)
            for verb, text in moves.items()
        ),
        Operation("POST", f"{INCIDENT}/close", do, "Close it; needs a resolved one, or force.", respond.lifecycle,
                  "Incident", b.CloseBody, optional=True, refuses=conflict),
        Operation("POST", f"{INCIDENT}/merge", do, "It is part of another one, which is the answer.", respond.merge,
                  "Incident", b.MergeBody, refuses=conflict),
        Operation("POST", f"{INCIDENT}/split", do, "Some of its alerts are another incident, which is the answer.",
                  respond.split, "Incident", b.SplitBody, refuses=conflict),
        *(
            Operation("POST", f"{INCIDENT}/{path}", do, text, handler, "Incident", body,
                      refuses=(*conflict, 502) if path == "silence" else conflict)
            for path, body, handler, text in work
        ),
        Operation("POST", f"{INCIDENT}/status-updates/{{n}}/approve", do, "Let a draft out.", respond.approve,
                  "Incident", b.Body, optional=True, refuses=conflict),
        Operation("PATCH", f"{INCIDENT}/actions/{{n}}", do, "Change an action item.", respond.change_action, "Incident",
                  b.ActionPatch, refuses=conflict),
        Operation("POST", "/api/v1/pages", do, "Page a contact outside any incident.", respond.call, "Pages",
                  b.PageBody, status=201, refuses=(404,)),
        Operation("GET", "/api/v1/events", read, "What changes, live.", stream.events, "", kind="text/event-stream"),
    ]  # fmt: skip
