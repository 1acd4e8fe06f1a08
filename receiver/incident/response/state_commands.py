"""Applies a responder's command to an incident: (state, command, policy, now) -> events with a reason. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from receiver.incident.alerts.maintenance_hold import WINDOW
from receiver.incident.alerts.monitored_incidents import begin_monitoring
from receiver.incident.log.command_errors import IllegalCommand, require_state
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.escalation_steps import WAITING, escalate
from receiver.incident.paging.page_command import run_page_command
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.status_updates import follow_up
from receiver.incident.response.collaboration_commands import COLLABORATION
from receiver.incident.response.team_change import change_team
from receiver.model.command import (
    Acknowledge,
    ChangeTeam,
    Close,
    Command,
    Edit,
    Escalate,
    Identify,
    Mitigate,
    PageContact,
    Reopen,
    Resolve,
)
from receiver.model.incident.event import Actor, Destination, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Decision

SAME = timedelta(seconds=10)
"""Time within which a second acknowledgement by the same person is the same click."""
_TAKEN = (State.ACKNOWLEDGED, State.IDENTIFIED)


def on_command(
    command: Command, incident: Incident, policy: Policy, actor: Actor, now: datetime, origin: str | None = None
) -> Transition:
    """Return the events of `command`; none if it changes nothing (it was carried out before).

    `origin` is the key of the page, or the name of the ticket channel, that it came from: it is not sent back there.
    Raises IllegalCommand with the reason and what is possible instead.
    """
    draft = Transition(incident, actor, now, origin)
    kind = type(command)
    if any(to.channel == origin for to in policy.tickets):
        policy = replace(policy, tickets=tuple(to for to in policy.tickets if to.channel != origin))
    if kind in _COMMANDS:
        _COMMANDS[kind](draft, command, policy, origin)
    else:
        COLLABORATION[kind](draft, command, policy)
    if draft.events:
        follow_up(draft, policy)
    return draft


def _everywhere(draft: Transition, policy: Policy, origin: str | None = None) -> tuple[Destination, ...]:
    return (*policy.informs, *(to for to in pagers_of(draft.incident) if to.address != origin))


def _said(text: str, more: str | None) -> str:
    return f"{text}: {more}" if more else text


def _acknowledge(draft: Transition, command: Acknowledge, policy: Policy, origin: str | None) -> None:
    incident = draft.incident
    require_state(incident, "acknowledge", (*WAITING, State.MONITORING))
    who = draft.actor.name
    if _twice(draft, command, policy):
        return
    # A later acknowledgement renews the lease, and answers later pages.
    again = incident.state is not State.OPEN
    text = _said(f"acknowledged {'again ' if again else ''}by {who}", command.text)
    data = {"by": who, "origin": origin}
    draft.add(Kind.ACKNOWLEDGED, "acknowledged", text, data, _everywhere(draft, policy, origin))


def _twice(draft: Transition, command: Acknowledge, policy: Policy) -> bool:
    # A double click: no one was paged since the first, and the lease would end at the same time.
    incident, lease = draft.incident, policy.called(draft.incident).lease
    if incident.acknowledged_by != draft.actor.name or command.text or incident.state not in _TAKEN:
        return False
    if any(page.seq > incident.hushed for page in incident.pages):
        return False
    until = incident.acknowledged_until
    return until is None if lease is None else until is not None and until - draft.now > timedelta(seconds=lease) - SAME


def _identify(draft: Transition, command: Identify, policy: Policy, origin: str | None) -> None:
    require_state(draft.incident, "identify", (State.OPEN, State.ACKNOWLEDGED))
    text = _said(f"cause identified by {draft.actor.name}", command.text)
    draft.add(Kind.IDENTIFIED, "identified", text, {"by": draft.actor.name}, _everywhere(draft, policy, origin))


def _mitigate(draft: Transition, command: Mitigate, policy: Policy, origin: str | None) -> None:
    require_state(draft.incident, "mitigate", WAITING)
    minutes = policy.monitor_for.total_seconds() / 60
    text = _said(f"mitigated by {draft.actor.name}; monitoring for {minutes:g} min", command.text)
    data = {"by": draft.actor.name, "mitigated": True}
    begin_monitoring(draft, policy, "mitigated", text, data, _everywhere(draft, policy, origin))


def _resolve(draft: Transition, command: Resolve, policy: Policy, origin: str | None) -> None:
    require_state(draft.incident, "resolve", (*WAITING, State.MONITORING))
    text = _said(f"resolved by {draft.actor.name}", command.text)
    draft.add(Kind.RESOLVED, "resolved", text, {"by": draft.actor.name}, _everywhere(draft, policy, origin))


def _close(draft: Transition, command: Close, policy: Policy, origin: str | None) -> None:
    incident = draft.incident
    if incident.state is not State.RESOLVED and not (command.force and not incident.state.over):
        more = "resolve it first, or close it with force and a text that says why"
        raise IllegalCommand(incident, "close", more if not incident.state.over else "it is closed")
    if incident.state is not State.RESOLVED and not command.text:
        raise IllegalCommand(incident, "close", "force needs a text that says why")
    if incident.state is not State.RESOLVED:
        _resolve(draft, Resolve(text=command.text), policy, origin)
    text = _said(f"closed by {draft.actor.name}", command.text)
    draft.add(Kind.CLOSED, "closed", text, {"by": draft.actor.name}, policy.informs)


def may_reopen(incident: Incident, others: Iterable[Incident]) -> None:
    """Raise IllegalCommand if one of `others`, which share its keys, is open: a key has at most one open incident."""
    for other in others:
        if other.uid != incident.uid and not other.state.over:
            why = f"{other.label} is open for the same alerts: work on that one, or close it first"
            raise IllegalCommand(incident, "reopen", why, ())


def _reopen(draft: Transition, command: Reopen, policy: Policy, origin: str | None) -> None:
    incident = draft.incident
    if incident.merged:
        raise IllegalCommand(incident, "reopen", "it is merged into another incident: reopen that one")
    require_state(incident, "reopen", (State.RESOLVED, State.CLOSED))
    text = _said(f"reopened by {draft.actor.name}", command.text)
    draft.add(Kind.REOPENED, "reopened", text, {"by": draft.actor.name}, _everywhere(draft, policy))
    page_responders(draft, policy, "reopened")


def _escalate(draft: Transition, command: Escalate, policy: Policy, origin: str | None) -> None:
    incident = draft.incident
    require_state(incident, "escalate", WAITING)
    steps = policy.called(incident).steps
    if incident.ladder.step >= len(steps):
        last = "every step has been taken" if steps else f"{incident.severity} has no escalation"
        raise IllegalCommand(incident, "escalate", f"{last}: page a contact by name", ("page",))
    if command.text:
        draft.add(Kind.NOTE, "escalated", command.text, {"by": draft.actor.name}, policy.informs)
    escalate(draft, policy, forced=True)


def _edit(draft: Transition, command: Edit, policy: Policy, origin: str | None) -> None:
    incident = draft.incident
    fields = command.model_dump(exclude_none=True, exclude={"severity", "text"})
    changed = {name: value for name, value in fields.items() if getattr(incident, name) != value}
    if changed:
        words = ", ".join(f"{name}: {value}" for name, value in changed.items())
        draft.add(Kind.EDITED, "edited", f"changed {words}", {"changed": changed}, policy.informs)
    severity = command.severity
    if severity is None or (severity is incident.severity and incident.by_hand):
        return
    if incident.state.over:
        raise IllegalCommand(incident, "change the severity", "it is over: reopen it first", ("reopen",))
    raised = severity.worse_than(incident.severity)
    why = f"set by {draft.actor.name}" + (f": {command.text}" if command.text else "")
    decision = Decision(
        severity=severity,
        rule="person",
        reasons=(why,),
        scope=incident.decision.scope,
        scope_from=incident.decision.scope_from,
        rules_hash=incident.decision.rules_hash,
        measured=incident.decision.measured,
    )
    text = f"severity set from {incident.severity} to {severity} by {draft.actor.name}"
    data = {"decision": decision.model_dump(mode="json"), "before": incident.severity}
    draft.add(Kind.SEVERITY_SET, "severity_set", _said(text, command.text), data, _everywhere(draft, policy))
    if raised and draft.incident.state is not State.MONITORING:
        if draft.incident.held and not draft.incident.held.startswith(WINDOW):
            draft.add(Kind.RELEASED, "released", "no longer held back", to=policy.informs)
        page_responders(draft, policy, "severity_set")


_COMMANDS: dict[type[Command], Callable[[Transition, Any, Policy, str | None], None]] = {
    Acknowledge: _acknowledge,
    ChangeTeam: change_team,
    Identify: _identify,
    Mitigate: _mitigate,
    Resolve: _resolve,
    Close: _close,
    Reopen: _reopen,
    Escalate: _escalate,
    Edit: _edit,
    PageContact: run_page_command,
}
