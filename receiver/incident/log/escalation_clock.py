"""How events start, stop and shift the clock of an escalation and the times at which answers are due."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress, NotifiedContact
from receiver.model.incident.state import State
from receiver.model.severity_policy import Until


def acknowledgement_stops(incident: Incident) -> bool:
    """Return whether an acknowledgement stops the escalation of `incident`."""
    called = incident.called
    return called is None or called.until is Until.ACKNOWLEDGED


def escalation_begun(incident: Incident, at: datetime) -> EscalationProgress:
    """Return the escalation at its first step.

    Its clock is stopped if no one is to be paged, or a person has acknowledged.
    """
    quiet = incident.calling_state is State.MONITORING or incident.state.over
    taken = incident.calling_state in (State.ACKNOWLEDGED, State.IDENTIFIED) and acknowledgement_stops(incident)
    return EscalationProgress(since=None if quiet or taken else at)


def answers_due_later(reached: tuple[NotifiedContact, ...], by: timedelta) -> tuple[NotifiedContact, ...]:
    """Return the contacts with their answers due later, because the response time was paused with the escalation."""
    return tuple(one.model_copy(update={"due": one.due + by}) if one.due else one for one in reached)
