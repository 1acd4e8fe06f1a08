"""The dead man's switch: the Watchdog alert is missing, or is received again. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity

KEY = "watchdog"
"""The correlation key of the incident: at most one is open. With several Watchdogs, a suffix follows."""
AGAIN = timedelta(hours=1)
"""How long after a person resolved it the same silence pages again, because alerting is still broken."""


def watchdog_key(name: str) -> str:
    """Return the correlation key of the incident about the Watchdog of that name."""
    # A hash, because the name consists of labels, and vendors and the store use the key in names.
    return f"{KEY}:{hashlib.sha256(name.encode()).hexdigest()[:16]}" if name else KEY


def on_watchdog_silent(
    uid: str, name: str, last: datetime, severity: Severity, policy: Policy, pointer: str, now: datetime
) -> IntakeDecision:
    """Return the incident about a Watchdog last received at `last`; `pointer`: the incident that has its key so far."""
    key, which = watchdog_key(name), f"the Watchdog alert of {name}" if name else "the Watchdog alert"
    minutes = (now - last).total_seconds() / 60
    why = f"{which} was last received at {rfc3339(last)}, {minutes:.0f} min ago"
    draft = Transition(None, Actor(kind=ActorKind.TIMER, name="watchdog"), now)
    incident = Incident(
        uid=uid,
        key=key,
        keys=(key,),
        episode=to_ms(now),
        title=f"Alerting is silent: alerts {f'of {name} ' if name else ''}may not reach anyone",
        severity=severity,
        decision=Decision(severity=severity, rule="watchdog", reasons=(why,)),
        opened_at=now,
        started_at=last,
        plan=policy.opening_plan(now),
        ladder=EscalationProgress(since=now),
    )
    draft.open(incident, "watchdog_silent", f"{severity}: {why}", {"alerts": []}, policy.informs)
    page_responders(draft, policy, "opened")
    return IntakeDecision(Outcome.OPENED, "watchdog_silent", draft.incident, draft.events, pointers={key: pointer})


def silence_settled(before: Incident | None, last: datetime) -> bool:
    """Return whether a person has closed `before`, the incident about the silence since `last`."""
    same = before is not None and to_ms(before.started_at) == to_ms(last)
    return same and before is not None and before.state is State.CLOSED and not before.merged


def silence_pages(before: Incident | None, last: datetime, now: datetime) -> bool:
    """Return whether to page people for the silence since `last` now; `before`: the incident that was opened last."""
    if before is None or before.resolved_at is None or to_ms(before.started_at) != to_ms(last):
        return True
    return not silence_settled(before, last) and now >= before.resolved_at + AGAIN


def silence_ends(incident: Incident, name: str) -> bool:
    """Return whether receiving the alert again ends the incident; not while alerts fire that were merged into it."""
    return incident.key == watchdog_key(name) and not incident.state.over and not incident.firing


def on_watchdog_received(incident: Incident, policy: Policy, now: datetime) -> Transition:
    """Return the end of the incident, because the alert was received again."""
    draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="watchdog"), now)
    to = (*policy.informs, *pagers_of(incident))
    draft.add(Kind.RESOLVED, "watchdog_heard", "the Watchdog alert is received again", to=to)
    return draft
