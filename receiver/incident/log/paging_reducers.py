"""Reducers for severities, pages, escalation steps and holds on paging."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from receiver.incident.log.escalation_clock import answers_due_later, escalation_begun
from receiver.incident.log.event_effect import Effect
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import EscalationProgress, NotifiedContact, Plan
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity


def _restarted(incident: Incident, event: Event) -> dict[str, Any]:
    decision = Decision.model_validate(event.data["decision"])
    after = incident.model_copy(update={"severity": decision.severity})
    ladder = EscalationProgress() if after.held is not None else escalation_begun(after, event.at)
    change = {"severity": decision.severity, "decision": decision, "severity_at": event.at, "ladder": ladder}
    return {**change, "raised": event.seq} if decision.severity.worse_than(incident.severity) else change


def _raised(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_restarted(incident, event), "by_hand": False}


def _set(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_restarted(incident, event), "by_hand": True}


def _paged(incident: Incident, event: Event) -> dict[str, Any]:
    page = Page.model_validate(event.data["page"]).model_copy(update={"seq": event.seq})
    same = any((known.channel, known.key) == (page.channel, page.key) for known in incident.pages)
    if event.kind is Kind.EMERGENCY_PAGED and same:
        return {}  # one replica sent it without the store, another one with it: one page
    return {"pages": (*incident.pages, page)}


def _told(incident: Incident, event: Event) -> dict[str, Any]:
    return {"notified": (*incident.notified, *event.data["people"]), **_written(incident, event)}


def _written(incident: Incident, event: Event) -> dict[str, Any]:
    fresh = [to for to in event.to if to.personal and to not in incident.written]
    return {"written": (*incident.written, *fresh)} if fresh else {}


def _escalated(incident: Incident, event: Event) -> dict[str, Any]:
    return {"ladder": incident.ladder.model_copy(update={"step": event.data["step"]})}


def _breached(incident: Incident, event: Event) -> dict[str, Any]:
    late = set(event.data["contacts"])
    return {
        "reached": tuple(
            reach.model_copy(update={"due": None}) if reach.contact in late else reach for reach in incident.reached
        )
    }


def _released(incident: Incident, event: Event) -> dict[str, Any]:
    ladder = escalation_begun(incident, event.at)
    change = {"held": None, "held_until": None, "held_at": None, "severity_at": event.at, "ladder": ladder}
    # The response time was paused with the escalation.
    return {**change, "reached": answers_due_later(incident.reached, event.at - (incident.held_at or event.at))}


def _held(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "held": event.data["held"],
        "held_until": datetime.fromisoformat(event.data["until"]) if event.data.get("until") else None,
        "held_at": incident.held_at or event.at,
        "parent": event.data.get("parent", incident.parent),
        "ladder": EscalationProgress(),
    }


def _team_changed(incident: Incident, event: Event) -> dict[str, Any]:
    plan = Plan.model_validate(event.data["plan"])
    change: dict[str, Any] = {
        "team": event.data["team"],
        "team_reason": event.text,
        "plan": plan,
        "notified": (),
        "reached": tuple(
            NotifiedContact.model_validate(item).model_copy(update={"seq": event.seq}) for item in event.data["waiting"]
        ),
    }
    if incident.held == "storm":
        change |= {"held": None, "held_at": None}  # a storm of the previous team holds nothing back from the new team
    if not event.data["taken"]:
        watched = incident.state is State.MONITORING
        change |= {"resume": State.OPEN} if watched else {"state": State.OPEN}
        change |= {"acknowledged_by": None, "acknowledged_until": None}
    after = incident.model_copy(update=change)
    return {**change, "ladder": EscalationProgress() if after.held is not None else escalation_begun(after, event.at)}


PAGING_EFFECTS: dict[Kind, Effect] = {
    Kind.SEVERITY_RAISED: _raised,
    Kind.SEVERITY_SET: _set,
    Kind.SEVERITY_PROPOSED: lambda incident, event: {"milder": Severity(event.data["severity"])},
    Kind.PAGE: _paged,
    Kind.EMERGENCY_PAGED: _paged,
    Kind.PAGE_ADOPTED: _paged,
    Kind.NOTIFY: _told,
    Kind.ALL_HANDS: _written,
    Kind.SECOND_ROAD: lambda incident, event: {
        "detoured": (*incident.detoured, event.data["page"]["key"]),
        **_written(incident, event),
    },
    Kind.ESCALATED: _escalated,
    Kind.STEP_PASSED: _escalated,
    Kind.RESPONSE_BREACHED: _breached,
    Kind.STORM_JOINED: _held,
    Kind.STORM_COUNTED: lambda incident, event: {"held_back": event.data["held_back"]},
    Kind.STORM_ENDED: lambda incident, event: {"storm_ended_at": event.at},
    Kind.RELEASED: _released,
    Kind.MAINTENANCE: _held,
    Kind.MAINTENANCE_ENDED: _released,
    Kind.PAGE_QUEUED: _held,
    Kind.PAGE_HOURS_BEGAN: _released,
    Kind.TEAM_CHANGED: _team_changed,
}
