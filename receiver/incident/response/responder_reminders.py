"""Reminders: a vacant role, an update that is due, a severity that is too high. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State


def reminder_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the next reminder of a missing Incident Commander or update is due; None: no reminder."""
    plan = policy.called(incident)
    # After the proposal to resolve it, no other reminder is sent.
    if plan.update is None or incident.state.over or incident.held is not None:
        return None
    begun = incident.severity_at or incident.opened_at
    said = max(filter(None, (begun, incident.updated_at, incident.reminded_at)))
    base = max(begun, incident.reminded_at or begun) if incident.roles.incident_commander is None else said
    return add_business_time(base, plan.update, plan.hours, incident.plan.zone)


def remind(draft: Transition, policy: Policy) -> None:
    """Remind the responders of what is missing."""
    incident = draft.incident
    plan = policy.called(incident)
    missing = []
    if incident.roles.incident_commander is None:
        missing.append("no one is Incident Commander")
    told = incident.updated_at or incident.severity_at or incident.opened_at
    if plan.update is not None and add_business_time(told, plan.update, plan.hours, incident.plan.zone) <= draft.now:
        missing.append(f"no update for {(draft.now - told).total_seconds() / 60:.0f} min")
    if missing:
        roles = incident.roles
        people = [p for p in (roles.incident_commander, roles.communications_lead) if p]
        draft.add(Kind.REMINDER, "due", f"{'; '.join(missing)}", {"missing": missing, "people": people}, policy.informs)


def lower_severity_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when a lower severity is proposed; None if its alerts are not less severe, or it was proposed before."""
    if incident.calm_since is None or incident.milder is incident.worst or incident.worst is None:
        return None
    if incident.state is State.MONITORING or incident.state.over or incident.by_hand:
        return None
    return incident.calm_since + policy.calm_for


def propose_lower_severity(draft: Transition, policy: Policy) -> None:
    """Propose a lower severity to the responders; it is never lowered automatically."""
    incident = draft.incident
    if incident.worst is None:
        return
    minutes = policy.calm_for.total_seconds() / 60
    text = f"for {minutes:g} min nothing worse than {incident.worst} has fired: lower it from {incident.severity}?"
    draft.add(Kind.SEVERITY_PROPOSED, "milder", text, {"severity": incident.worst}, policy.informs)
