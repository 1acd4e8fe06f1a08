"""Who is contacted next, and when: the backup of a contact, or a step of the escalation. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from receiver.incident.paging.escalation_steps import awaited, response_due, step_due
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import backup_of
from receiver.model.incident.incident import Incident
from receiver.model.oncall.schedule_settings import Target

Why = Literal["backup", "step"]


class NextEscalation(NamedTuple):
    """Who is contacted next while no one acknowledges."""

    at: datetime
    contacts: tuple[str, ...]
    reason: Why


def _names(target: Target) -> tuple[str, ...]:
    return tuple(name for name in (target.schedule, target.person, *target.people) if name)


def next_escalation(incident: Incident, policy: Policy, now: datetime) -> NextEscalation | None:
    """Return who is contacted next, at the latest; None if no one else is.

    Several backups that are due at one moment are named together. A contact without a backup at `now` is left out.
    """
    found: list[NextEscalation] = []
    due: dict[datetime, list[str]] = {}
    for reach in awaited(incident) if response_due(incident) else ():
        known = policy.directory.contacts.get(reach.contact)
        if reach.due and known is not None and known.backup and backup_of(policy, reach.contact, now):
            due.setdefault(reach.due, []).extend(_names(known.backup))
    if due:
        first = min(due)
        found.append(NextEscalation(first, tuple(dict.fromkeys(due[first])), "backup"))
    at = step_due(incident, policy)
    if at is not None:
        step = policy.called(incident).steps[incident.ladder.step]
        found.append(NextEscalation(at, tuple(dict.fromkeys((*step.page, *step.notify))), "step"))
    return min(found, key=lambda one: one.at, default=None)
