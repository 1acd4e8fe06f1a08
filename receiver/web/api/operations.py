"""The operations of the API: one table, from which the routes and the OpenAPI document are built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import BaseModel

from receiver.config.settings.service_settings import Scope
from receiver.web.api.bodies import request_bodies as b
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
    """Whether it may be repeated; any of its values matches."""
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
    """Name of the schema of its response (answer_schemas.py); `""` for none."""
    body: type[BaseModel] | None = None
    optional: bool = False
    """Whether the body is optional."""
    status: int = 200
    query: tuple[Parameter, ...] = ()
    kind: str = "application/json"
    refuses: tuple[int, ...] = field(default=())
    """Error statuses, in addition to those of every operation."""

    repeats: bool = False
    """Whether a repeated request is executed again, because its response is not stored."""

    @property
    def guarded(self) -> bool:
        """Whether it changes an incident, so that If-Match and Idempotency-Key apply."""
        return not self.repeats and self.method in ("POST", "PATCH", "PUT") and self.scope is Scope.RESPOND

    @property
    def name(self) -> str:
        """A unique name."""
        words = [word for word in self.path.replace("{", "").replace("}", "").split("/")[3:] if word]
        return "_".join((self.method.lower(), *words)).replace("-", "_").replace(".", "_")


OPERATIONS = web.AppKey("operations", list[Operation])


def offer(app: web.Application, operations: Sequence[Operation]) -> None:
    """Add the routes of `operations`, and list them for the OpenAPI document."""
    known = app.setdefault(OPERATIONS, [])
    for one in operations:
        known.append(one)
        app.router.add_route(one.method, one.path, one.handler, expect_handler=expect)
        if one.method == "GET":
            # Every server must support HEAD, a GET without the body (RFC 9110, 9.1).
            app.router.add_route("HEAD", one.path, one.handler)


def _word(*words: str) -> dict[str, object]:
    return {"type": "string", "enum": list(words)}


FILTERS = (
    Parameter(
        "state", "Only incidents in these states.",
        _word("open", "acknowledged", "identified", "monitoring", "resolved", "closed"), many=True,
    ),
    Parameter("severity", "Only incidents of these severities.", {"$ref": "#/components/schemas/Severity"}, many=True),
    Parameter("service", "Only incidents of these services.", {"type": "string"}, many=True),
    Parameter("team", "Only incidents of these teams; empty: the top level.", {"type": "string"}, many=True),
    Parameter(
        "label", 'A matcher on the labels of the incident, as in Alertmanager: `zone="eu-1"`, `zone!="eu-1"`, '
        '`zone=~"eu-.*"` or `zone!~"eu-.*"` (RE2, anchored). All must match; a label that is absent counts as empty. '
        "At most 10; empty: no filter. The whole history is searched, so follow `next` until it is null.",
        {"type": "string"}, many=True,
    ),
    Parameter("open", "true: only open incidents; false: only resolved and closed ones.", _word("true", "false")),
    Parameter(
        "queue", "true: only the queue (open incidents of severities that are tracked in it), unowned first, "
        "then oldest first.", _word("true"),
    ),
    Parameter(
        "q", "Words that its id, title or service must contain; without `open`, the whole history is searched.",
        {"type": "string", "maxLength": 200},
    ),
    Parameter("limit", "Maximum number.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
    Parameter(
        "cursor", "The `next` of the previous page.",
        {"type": "string", "pattern": r"^[0-9]{1,15}\.[0-9a-f]{1,64}$"},
    ),
)  # fmt: skip
INCIDENT = "/api/v1/incidents/{id}"


READ, RESPOND = Scope.READ, Scope.RESPOND
CONFLICT = (404, 409, 412)


def incident_operations(api: IncidentApi, respond: IncidentCommandApi, stream: Stream) -> list[Operation]:
    """Return the operations on incidents."""
    return [
        *_incident_reads(api),
        *_lifecycle_operations(respond),
        *_record_operations(respond),
        *_draft_operations(respond),
        Operation("POST", "/api/v1/pages", RESPOND, "Page a contact without an incident.", respond.call, "Pages",
                  b.PageBody, status=201, refuses=(404,)),
        Operation("GET", "/api/v1/teams", READ, "Teams, in the order in which they are matched.", api.teams,
                  "TeamList"),
        Operation("GET", "/api/v1/events", READ, "Stream of changes.", stream.events, "", kind="text/event-stream"),
    ]  # fmt: skip


def _incident_reads(api: IncidentApi) -> list[Operation]:
    return [
        Operation("GET", "/api/v1/incidents", READ, "Incidents, newest first.", api.incidents, "IncidentList",
                  query=FILTERS),
        Operation("GET", INCIDENT, READ, "Get an incident.", api.incident, "Incident", refuses=(404,)),
        Operation(
            "GET", f"{INCIDENT}/similar", READ,
            "Similar past incidents with reasons, how often the alert fired, and a summary for people who join late.",
            api.similar, "Similar", refuses=(404,),
        ),
    ]  # fmt: skip


def _lifecycle_operations(respond: IncidentCommandApi) -> list[Operation]:
    moves = {
        "acknowledge": "Acknowledge an incident; the settings for its severity determine whether anyone else is paged.",
        "identify": "Mark the cause as known.",
        "mitigate": "Record that the fix is in place; the incident is then monitored.",
        "resolve": "Resolve an incident.",
        "reopen": "Reopen an incident: its contacts are paged again.",
        "escalate": "Take the next step of the escalation now.",
    }
    return [
        Operation("POST", "/api/v1/incidents", RESPOND, "Declare an incident.", respond.declare, "Incident",
                  b.DeclareBody, status=201),
        Operation("PATCH", INCIDENT, RESPOND, "Change an incident's title, severity or texts.", respond.patch,
                  "Incident", b.PatchBody, refuses=CONFLICT),
        *(
            Operation("POST", f"{INCIDENT}/{verb}", RESPOND, text, respond.lifecycle, "Incident", b.LifecycleBody,
                      optional=True, refuses=CONFLICT)
            for verb, text in moves.items()
        ),
        Operation("POST", f"{INCIDENT}/close", RESPOND, "Close an incident; needs `force` unless it is resolved.",
                  respond.lifecycle, "Incident", b.CloseBody, optional=True, refuses=CONFLICT),
        Operation("POST", f"{INCIDENT}/merge", RESPOND, "Merge an incident into another one, which is returned.",
                  respond.merge, "Incident", b.MergeBody, refuses=CONFLICT),
        Operation("POST", f"{INCIDENT}/split", RESPOND,
                  "Move some alerts to a new incident, which is returned.", respond.split, "Incident",
                  b.SplitBody, refuses=CONFLICT),
    ]  # fmt: skip


def _record_operations(respond: IncidentCommandApi) -> list[Operation]:
    records: list[tuple[str, type[BaseModel], Handler, str]] = [
        ("notes", b.NoteBody, respond.notes, "Add a note to the timeline."),
        ("roles", b.RoleBody, respond.roles, "Assign a role."),
        ("status-updates", b.UpdateBody, respond.status_updates, "Post a status update for the public."),
        ("checklist", b.ChecklistBody, respond.checklist, "Check off an item on the investigation checklist."),
        ("actions", b.ActionBody, respond.actions, "Add an action item."),
        ("mitigations", b.MitigationBody, respond.mitigations, "Record a mitigation."),
        ("pages", b.PageBody, respond.pages, "Page another contact for the incident."),
        ("silence", b.SilenceBody, respond.silence,
         "Silence an incident's alerts in Alertmanager; the silence ends with the incident."),
        ("visibility", b.VisibilityBody, respond.visibility,
         "Set who can see an incident: only its own team, or every reader."),
        ("team", b.TeamBody, respond.team,
         "Hand an incident over to another team: page the new team, and end the old team's pages."),
        ("timer", b.TimerBody, respond.timer, "Start or stop the timer."),
    ]  # fmt: skip
    return [
        *(
            Operation("POST", f"{INCIDENT}/{path}", RESPOND, text, handler, "Incident", body,
                      refuses=(*CONFLICT, 502) if path == "silence" else CONFLICT)
            for path, body, handler, text in records
        ),
        Operation("PATCH", f"{INCIDENT}/actions/{{n}}", RESPOND, "Change an action item.", respond.change_action,
                  "Incident", b.ActionPatch, refuses=CONFLICT),
        Operation("POST", f"{INCIDENT}/noise", RESPOND, "Mark an incident as noise, or remove the mark.",
                  respond.noise, "Incident", b.NoiseBody, optional=True, refuses=CONFLICT),
    ]  # fmt: skip


def _draft_operations(respond: IncidentCommandApi) -> list[Operation]:
    draft = f"{INCIDENT}/status-updates/{{n}}"
    return [
        Operation("POST", f"{draft}/approve", RESPOND, "Publish a draft.", respond.approve, "Incident", b.Body,
                  optional=True, refuses=CONFLICT),
        Operation("POST", f"{draft}/discard", RESPOND, "Discard a draft; it is kept, marked as discarded.",
                  respond.discard, "Incident", b.Body, optional=True, refuses=CONFLICT),
        Operation("PATCH", draft, RESPOND, "Change the text of a draft.", respond.edit_draft, "Incident", b.DraftBody,
                  refuses=CONFLICT),
    ]  # fmt: skip
