"""Commands about status updates: write one, and publish a draft."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.incident.alerts.monitored_incidents import begin_monitoring
from receiver.incident.followup.hidden_entries import HIDDEN
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.escalation_steps import WAITING
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.status_updates import (
    components_of,
    deadline_of,
    number_of,
    published_where,
    publishes_automatically,
    refresh_draft,
    update_obsolete,
    update_recipients,
)
from receiver.incident.response.record_limits import check_room
from receiver.model.base import rfc3339
from receiver.model.command import ApproveUpdate, UpdateStatusPage
from receiver.model.incident.event import Kind
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.incident.state import State

_ORDER = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED, State.MONITORING, State.RESOLVED, State.CLOSED)
_STATE_OF = {
    UpdateStatus.INVESTIGATING: State.ACKNOWLEDGED,
    UpdateStatus.IDENTIFIED: State.IDENTIFIED,
    UpdateStatus.MONITORING: State.MONITORING,
    UpdateStatus.RESOLVED: State.RESOLVED,
}


def update_status_page(draft: Transition, command: UpdateStatusPage, policy: Policy) -> None:
    """Write a status update, published or as a draft, and advance the incident's state to what it says.

    Raises IllegalCommand or ImpossibleCommand.
    """
    check_room(draft, "update the status of", len(draft.incident.updates))
    _check_components(command.components or (), policy)
    _check_times(draft, command)
    publish = publishes_automatically(draft.incident, policy) if command.publish is None else command.publish
    publish = publish and not draft.incident.drill
    update = StatusUpdate(
        n=number_of(draft.incident),
        status=command.status,
        text=command.text,
        components=components_of(draft.incident, policy) if command.components is None else command.components,
        next_update=command.next_update,
        by=draft.actor.name,
        at=draft.now,
        published_at=draft.now if publish else None,
        cause=command.cause,
        expected_resolution=command.expected_resolution,
        deadline=None if publish else deadline_of(draft.incident, policy, draft.now),
        round=draft.incident.reopened,
        severity=draft.incident.severity,
    )
    why = update_obsolete(update, draft.incident) if publish else None
    if why is not None:
        raise IllegalCommand(draft.incident, f"publish {command.status} for", why)
    data = {"update": update.model_dump(mode="json")}
    where = published_where(policy) if publish else f"draft {update.n}, waiting for approval"
    told = "" if publish and policy.public else f" ({where})"
    text = f"{command.status}{told}: {command.text}"
    draft.add(Kind.STATUS_UPDATE, command.status, text, data, update_recipients(policy, update))
    _advance_state(draft, command.status, policy)


def _check_times(draft: Transition, command: UpdateStatusPage) -> None:
    times = (("next update", command.next_update), ("expected resolution", command.expected_resolution))
    for what, at in times:
        if at is not None and at <= draft.now:
            why = f"its {what} ({rfc3339(at)}) has passed: give a time in the future"
            raise IllegalCommand(draft.incident, "update the status of", why, ("status-updates",))


def _advance_state(draft: Transition, status: UpdateStatus, policy: Policy) -> None:
    # An update moves the incident forward to what it says, never back.
    wanted, state = _STATE_OF[status], draft.incident.state
    if _ORDER.index(wanted) <= _ORDER.index(state):
        return
    to = (*policy.informs, *pagers_of(draft.incident))
    who = {"by": draft.actor.name}
    if wanted is State.ACKNOWLEDGED:
        draft.add(Kind.ACKNOWLEDGED, "status_update", f"acknowledged by {draft.actor.name}", who, to)
    elif wanted is State.IDENTIFIED:
        draft.add(Kind.IDENTIFIED, "status_update", f"cause identified by {draft.actor.name}", who, to)
    elif wanted is State.MONITORING and state in WAITING:
        text = f"mitigated by {draft.actor.name}"
        begin_monitoring(draft, policy, "status_update", text, {**who, "mitigated": True}, to)
    elif wanted is State.RESOLVED:
        draft.add(Kind.RESOLVED, "status_update", f"resolved by {draft.actor.name}", who, to)


def _check_components(components: Iterable[str], policy: Policy) -> None:
    strange = [name for name in components if name not in policy.parts]
    if strange:
        have = f"there are {', '.join(policy.parts)}" if policy.parts else "the page has none: leave components out"
        raise ImpossibleCommand(f"no component of the status page is named {', '.join(strange)[:200]} ({have})")


def approve_update(draft: Transition, command: ApproveUpdate, policy: Policy) -> None:
    """Publish a draft, with its next update and its text refreshed. Raises IllegalCommand."""
    known = next((update for update in draft.incident.updates if update.n == command.n), None)
    if known is None:
        have = f"it has updates 1 to {len(draft.incident.updates)}" if draft.incident.updates else "it has none"
        raise IllegalCommand(draft.incident, f"approve update {command.n} of", have, ("status-updates",))
    if known.published_at is not None:
        return
    if known.discarded_at is not None:
        by = f"it was discarded by {known.discarded_by}: write a new update"
        raise IllegalCommand(draft.incident, f"approve update {command.n} of", by, ("status-updates",))
    why = "its text is hidden: edit it first" if known.text == HIDDEN else None
    why = why or update_obsolete(known, draft.incident)
    if why is not None:
        raise IllegalCommand(draft.incident, f"publish update {command.n} of", why)
    fresh = refresh_draft(known, draft.incident, policy, draft.now)
    update = fresh.model_copy(update={"published_at": draft.now, "approved_by": draft.actor.name})
    data = {"update": update.model_dump(mode="json")}
    told = "" if policy.public else f", {published_where(policy)}"
    text = f"update {known.n} approved by {draft.actor.name}{told}"
    draft.add(Kind.STATUS_APPROVED, "approved", text, data, update_recipients(policy, update))
