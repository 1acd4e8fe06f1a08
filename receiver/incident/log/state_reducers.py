"""Reducers for changes of state: acknowledged, monitored, resolved, closed, reopened, merged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from receiver.incident.log.escalation_clock import acknowledgement_stops, answers_due_later
from receiver.incident.log.event_effect import Effect
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.incident.postmortem import CorrectedTime
from receiver.model.incident.state import State


def _taken(incident: Incident, event: Event) -> dict[str, Any]:
    ladder = incident.ladder.paused(event.at) if acknowledgement_stops(incident) else incident.ladder
    return {
        "acknowledged_at": incident.acknowledged_at or event.at,
        "first_acknowledged_at": incident.first_acknowledged_at or incident.acknowledged_at or event.at,
        "acknowledged_by": event.data.get("by") or event.actor.name,
        "answered_at": event.at,
        "hushed": event.seq,
        "ladder": ladder,
    }


def _acknowledged(incident: Incident, event: Event) -> dict[str, Any]:
    state = State.ACKNOWLEDGED if incident.state is State.OPEN else incident.state
    change = {**_taken(incident, event), "state": state}
    # An acknowledgement during monitoring still counts if an alert fires again.
    watched = incident.state is State.MONITORING and incident.resume in (None, State.OPEN)
    return {**change, "resume": State.ACKNOWLEDGED} if watched else change


def _identified(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_taken(incident, event), "state": State.IDENTIFIED, "identified_at": event.at}


def _absorbed(incident: Incident, event: Event) -> dict[str, Any]:
    # Published components of the merged incident are published by this one from now on; older logs do not contain them.
    fresh = [one for one in event.data.get("parts", ()) if one not in incident.parts]
    more = {"parts": (*incident.parts, *fresh), "parts_at": event.at} if fresh else {}
    return {"absorbed": (*incident.absorbed, event.data["child"]), **more}


def _lapsed(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.OPEN,
        "ring": incident.ring + 1,
        "hushed": 0,
        "acknowledged_by": None,
        "acknowledged_until": None,
        "reached": (),
        "ladder": incident.ladder.running(event.at),
    }


def _watched(incident: Incident, event: Event) -> dict[str, Any]:
    mitigated = event.at if event.data.get("mitigated") else incident.mitigated_at
    return {
        "state": State.MONITORING,
        "resume": incident.resume if incident.state is State.MONITORING else incident.state,
        "monitoring_at": event.at,
        "mitigated_at": mitigated,
        "ladder": incident.ladder if event.data.get("flapping") else incident.ladder.paused(event.at),
        "ends": tuple(datetime.fromisoformat(at) for at in event.data.get("ends", ())),
        "flapping": bool(event.data.get("flapping")),
        "unasked": (),
        "failing": (),
        "failed_at": None,
        "proposed": False,
    }


def _fallen_back(incident: Incident, event: Event) -> dict[str, Any]:
    state = incident.resume or State.OPEN
    stays = state is not State.OPEN and acknowledgement_stops(incident)
    ladder = incident.ladder if stays or incident.held else incident.ladder.running(event.at)
    # The time to answer stood still with the escalation.
    stood = event.at - incident.monitoring_at if incident.monitoring_at and not incident.flapping else timedelta()
    reached = answers_due_later(incident.reached, stood)
    change: dict[str, Any] = {
        "state": state,
        "resume": None,
        "monitoring_at": None,
        "mitigated_at": None,
        "proposed": False,
        "ladder": ladder,
        "reached": reached,
        "flaps": incident.flaps + (event.kind is Kind.REFIRED),
    }
    return change | _ring_anew(incident, event) if "ring" in event.data else change


def _ring_anew(incident: Incident, event: Event) -> dict[str, Any]:
    # It was reported mitigated, and its alerts keep firing: no one has answered that yet.
    return {
        "state": State.OPEN,
        "ring": event.data["ring"],
        "hushed": 0,
        "acknowledged_by": None,
        "acknowledged_until": None,
        "reached": (),
        "ladder": incident.ladder if incident.held else incident.ladder.running(event.at),
        "flaps": incident.flaps,
    }


def _unverified(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_fallen_back(incident, event), "failing": tuple(event.data["checks"]), "failed_at": event.at}


def _resolved(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.RESOLVED,
        "resume": None,
        "resolved_at": event.at,
        "ladder": incident.ladder.paused(event.at),
        "held": None,
        "held_until": None,
        "held_at": None,
        "failing": (),
        "proposed": False,
        "ends": (),
        "flapping": False,
    }


def _proposed(incident: Incident, event: Event) -> dict[str, Any]:
    if incident.state is not State.MONITORING:
        return {"proposed": True}
    # No alert has fired for long enough, and only a person may resolve it: no one is paged meanwhile.
    return {"proposed": True, "ends": (), "flapping": False, "ladder": incident.ladder.paused(event.at)}


def _closed(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.CLOSED,
        "resume": None,
        "closed_at": event.at,
        "resolved_at": incident.resolved_at or event.at,
        "ladder": incident.ladder.paused(event.at),
        "held": None,
        "held_until": None,
        "held_at": None,
        "ends": (),
        "flapping": False,
    }


def _merged(incident: Incident, event: Event) -> dict[str, Any]:
    keys = set(event.data.get("handed", ()))
    handed = tuple(page for page in incident.pages if page.key in keys)
    kept = tuple(page for page in incident.pages if page.key not in keys)
    return {**_closed(incident, event), "parent": event.data["into"], "merged": True, "handed": handed, "pages": kept}


_OF_AN_END = (CorrectedTime.IDENTIFIED, CorrectedTime.MITIGATED, CorrectedTime.RESOLVED)
"""Times that people corrected for an end that was not final: the next end has its own times."""


def _reopened(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.OPEN,
        "resume": None,
        "monitoring_at": None,
        "resolved_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "hushed": 0,
        "identified_at": None,
        "mitigated_at": None,
        "closed_at": None,
        "ring": incident.ring + 1,
        "reopened": incident.reopened + 1,
        "flaps": incident.flaps + 1,
        "notified": (),
        "reached": (),
        "proposed": False,
        "severity_at": event.at,
        "updated_at": None,
        "reminded_at": None,
        "ladder": EscalationProgress(since=event.at),
        "clocks": {name: at for name, at in incident.clocks.items() if name not in _OF_AN_END},
        "lettered_at": None,
        "spent": None,
        # An active storm counts the incidents that join it, until it ends again.
        "storm_ended_at": None,
    }


STATE_EFFECTS: dict[Kind, Effect] = {
    Kind.ACKNOWLEDGED: _acknowledged,
    Kind.ACKNOWLEDGEMENT_LAPSED: _lapsed,
    Kind.IDENTIFIED: _identified,
    Kind.MONITORING: _watched,
    Kind.REFIRED: _fallen_back,
    Kind.VERIFICATION_FAILED: _unverified,
    Kind.CHECK_UNKNOWN: lambda incident, event: {"unasked": (*incident.unasked, *event.data["checks"])},
    Kind.RESOLUTION_PROPOSED: _proposed,
    Kind.RESOLVED: _resolved,
    Kind.CLOSED: _closed,
    Kind.MERGED: _merged,
    Kind.SPLIT: lambda incident, event: {"departed": (*incident.departed, event.data["child"])},
    Kind.ABSORBED: _absorbed,
    Kind.REOPENED: _reopened,
}
