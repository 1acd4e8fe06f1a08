"""The timers of an incident: when each is due, and what it does then."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.audience import HOLD, Policy, pagers_of
from receiver.incident.journal import Draft
from receiver.model.event import Actor, ActorKind, Kind
from receiver.model.incident import Incident, State

MONITOR = "monitor"
"""Name of the timer that ends the monitoring window."""


def timers(incident: Incident, policy: Policy) -> dict[str, datetime | None]:
    """Return when each of the incident's timers is due, None for those that are not: set anew by every commit."""
    watching = incident.state is State.MONITORING and incident.monitoring_at is not None
    # Once proposed, or with alerts that nobody can see, a person resolves it.
    asked = not watching or incident.partial or incident.proposed
    return {MONITOR: None if asked or incident.monitoring_at is None else incident.monitoring_at + policy.monitor_for}


def on_timer(name: str, incident: Incident, policy: Policy, now: datetime) -> Draft | None:
    """Return the events of a timer that is due, or None when the state has moved on and it has nothing to say."""
    due = timers(incident, policy).get(name)
    if due is None or now < due:
        return None
    draft = Draft(incident, Actor(kind=ActorKind.TIMER, name=name), now)
    if policy.auto_resolve:
        text = f"no alert fired for {policy.monitor_for.total_seconds() / 60:g} min"
        draft.add(Kind.RESOLVED, "monitored", text, to=(*policy.informs, *pagers_of(incident)))
    else:
        draft.add(Kind.RESOLUTION_PROPOSED, "monitored", "quiet long enough: resolve it?", to=policy.informs)
    return draft


def held_until(now: datetime) -> datetime:
    """Return when what is held now is looked at again."""
    return now + HOLD
