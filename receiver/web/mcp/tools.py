"""The tools of the MCP endpoint: their arguments and results. None of them changes anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from receiver.model.base import Frozen, rfc3339
from receiver.model.incident.event import Kind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.response.upcoming_steps import upcoming
from receiver.review.catch_up import catch_up
from receiver.review.timeline import corrections, readable
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import Caller
from receiver.web.http.query_parameters import Filters, Place
from receiver.web.incident_queries import by_id, log_for, page_of, search_page_of
from receiver.web.json.incident_json import alert_items, event_shape, incident_shape, listed
from receiver.web.json.oncall_json import shift_shape
from receiver.web.json.similar_json import similar_shape

LISTED = 50
ENTRIES = 200
ALERTS = 30
"""Maximum number of incidents, timeline entries and alerts in one response."""
_CURSOR = r"^[0-9]{1,15}\.[0-9a-f]{1,64}$"
_DECIDED = (Kind.SEVERITY_RAISED, Kind.SEVERITY_SET, Kind.SEVERITY_PROPOSED, Kind.MEASURED)

Text = Annotated[str, Field(max_length=200)]
Number = Annotated[str, Field(max_length=100, description="Id of the incident, such as INC-2026-0001.")]


class Nothing(Frozen):
    """No arguments."""


class One(Frozen):
    """An incident."""

    id: Number


class ListArguments(Frozen):
    """Which incidents."""

    open: bool | None = Field(None, description="true: only open incidents; false: only resolved and closed ones.")
    state: list[State] = Field([], max_length=6, description="Only incidents in these states.")
    severity: list[Severity] = Field([], max_length=4, description="Only incidents of these severities.")
    service: list[Text] = Field([], max_length=20, description="Only incidents of these services.")
    team: list[Text] = Field([], max_length=20, description="Only incidents of these teams.")
    query: Text = Field("", description="Words that the id, title or service must contain.")
    limit: int = Field(20, ge=1, le=LISTED, description="Maximum number.")
    cursor: str = Field("", pattern=f"^$|{_CURSOR}", description="The `next` of the previous page.")


class TimelineArguments(One):
    """The part of a timeline to return."""

    after: int = Field(0, ge=0, le=10**9, description="Only entries after this `seq`.")
    limit: int = Field(100, ge=1, le=ENTRIES, description="Maximum number, oldest first.")


class RuleArguments(Frozen):
    """Which rules."""

    kind: Literal["all", "rules"] = Field("all", description="`rules`: without measurements and scope.")


Run = Callable[[AppParts, Caller, Any], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Tool:
    """One tool."""

    name: str
    title: str
    text: str
    takes: type[Frozen]
    run: Run

    def described(self) -> dict[str, Any]:
        """Return its description for `tools/list`."""
        schema = {"properties": {}, **self.takes.model_json_schema()}
        return {
            "name": self.name, "title": self.title, "description": self.text, "inputSchema": schema,
            "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
        }  # fmt: skip


async def list_incidents(parts: AppParts, caller: Caller, given: ListArguments) -> dict[str, Any]:
    """Return a page of incidents, newest first."""
    at, _, uid = given.cursor.partition(".")
    filters = Filters(
        states=frozenset(given.state), severities=frozenset(given.severity), services=frozenset(given.service),
        teams=frozenset(given.team), open=given.open, queue=False, limit=given.limit,
        after=Place(int(at), uid) if uid else None, sees=caller.sees, text=given.query,
    )  # fmt: skip
    if filters.text:
        matching, following = await search_page_of(parts.work.follower, filters)
        found = await parts.incidents.many([one.uid for one in matching])
    else:
        found, following = await page_of(parts.incidents, filters)
    short = ("id", "title", "severity", "state", "service", "team", "opened_at", "resolved_at", "cause", "resolution")
    items = [{name: shape[name] for name in short} for one in found for shape in (incident_shape(one),)]
    return listed(items, str(following) if following else None)


async def show_incident(parts: AppParts, caller: Caller, given: One) -> dict[str, Any]:
    """Return one incident with its alerts and a summary."""
    incident = await by_id(parts.incidents, given.id, caller)
    records, bodies = await parts.incidents.records(incident.uid), await parts.incidents.bodies(incident.uid)
    events, setting, now = await log_for(parts.incidents, incident, caller), parts.setting(), parts.clock.now()
    shape = incident_shape(
        incident, links=setting.links(incident, now), url=setting.url(incident),
        alerts=alert_items(records, bodies)[:ALERTS], upcoming=upcoming(incident, setting, now),
    )  # fmt: skip
    return {**shape, "catch_up": catch_up(incident, events, now, parts.overrides.schedules.people)}


async def incident_timeline(parts: AppParts, caller: Caller, given: TimelineArguments) -> dict[str, Any]:
    """Return the log of an incident, oldest first, without what people have hidden."""
    incident = await by_id(parts.incidents, given.id, caller)
    events = await log_for(parts.incidents, incident, caller)
    said = corrections(events)
    shown = [one for one in readable(events) if one.seq > given.after]
    names = ("seq", "at", "kind", "actor", "reason", "text", "corrected")
    items = []
    for event in shown[: given.limit]:
        shape = event_shape(event, said.get(event.seq))
        items.append({name: shape[name] for name in names if name in shape})
    more = len(shown) > given.limit
    return listed(items, str(items[-1]["seq"]) if more else None)


async def similar_incidents(parts: AppParts, caller: Caller, given: One) -> dict[str, Any]:
    """Return past incidents that are similar to one, with reasons."""
    incident = await by_id(parts.incidents, given.id, caller)
    found = await parts.seen_before.similar_to(incident, caller.sees)
    day, month = await parts.seen_before.fired(incident, caller.teams, parts.clock.now())
    return {**listed(similar_shape(found, parts.setting())), "fired": {"last_24h": day, "last_30d": month}}


async def on_call(parts: AppParts, caller: Caller, given: Nothing) -> dict[str, Any]:
    """Return who is on call in each schedule."""
    schedules, now = parts.overrides.schedules, parts.clock.now()
    people = schedules.people
    return {"schedules": {name: shift_shape(schedules.at(name, now), people) for name in schedules.names}}


async def severity_rules(parts: AppParts, caller: Caller, given: RuleArguments) -> dict[str, Any]:
    """Return the severity rules in effect."""
    rules = parts.setting().rules
    shown = rules.settings.model_dump(mode="json", exclude_defaults=True)
    kept = {"rules": shown.get("rules", [])} if given.kind == "rules" else shown
    return {"hash": rules.hash, **kept}


async def decision_record(parts: AppParts, caller: Caller, given: One) -> dict[str, Any]:
    """Return why an incident has its severity and its team, without entries that people have hidden."""
    incident = await by_id(parts.incidents, given.id, caller)
    events = await log_for(parts.incidents, incident, caller)
    said = corrections(events)
    changes = [
        {
            "at": rfc3339(one.at),
            "kind": one.kind,
            "by": one.actor.name,
            "reason": one.reason,
            "text": said.get(one.seq, {}).get("text") or one.text,
        }
        for one in events
        if one.kind in _DECIDED and not said.get(one.seq, {}).get("hidden")
    ]
    return {
        "id": incident.id, "severity": incident.severity, "decision": incident.decision.model_dump(mode="json"),
        "team": incident.team, "team_reason": incident.team_reason, "changes": changes[-ENTRIES:],
    }  # fmt: skip


_ALL = (
    Tool(
        "list_incidents", "List incidents", "Incidents, newest first, with filters.", ListArguments, list_incidents
    ),
    Tool(
        "show_incident", "Show an incident", "One incident: state, alerts, pages, roles, work, and a summary.",
        One, show_incident,
    ),
    Tool(
        "incident_timeline", "Timeline", "The log of an incident, oldest first; `next` is the next page's `after`.",
        TimelineArguments, incident_timeline,
    ),
    Tool(
        "similar_incidents", "Similar incidents",
        "Past incidents like this one, with reasons and what resolved them, and how often its alert fired.",
        One, similar_incidents,
    ),
    Tool("on_call", "Who is on call", "Who is on call now in each schedule, and who is next.", Nothing, on_call),
    Tool("severity_rules", "Severity rules", "The rules that set severities.", RuleArguments, severity_rules),
    Tool(
        "decision_record", "Decision record",
        "Why an incident has its severity: rule, reasons, measured values, and each change.", One, decision_record,
    ),
)  # fmt: skip
TOOLS = {tool.name: tool for tool in _ALL}
