"""The work on an incident: notes, roles, checklist, action items, mitigations, the timer, status updates. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from receiver.incident.alerts.monitored_incidents import begin_monitoring
from receiver.incident.followup.postmortem_commands import correct_entry, set_clock, write_postmortem
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.escalation import WAITING
from receiver.incident.paging.recipients import Policy, pagers_of
from receiver.incident.publication.status_updates import (
    components_of,
    deadline_of,
    number_of,
    publishes_automatically,
    refresh_draft,
    update_obsolete,
    update_recipients,
)
from receiver.model.base import rfc3339
from receiver.model.command import (
    AddAction,
    AddNote,
    ApproveUpdate,
    Assign,
    ChangeAction,
    CheckOff,
    Choose,
    Command,
    CorrectEntry,
    RecordSilence,
    RunTimer,
    SetClock,
    UpdateStatusPage,
    WritePostmortem,
)
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import State
from receiver.model.incident.response_records import (
    CHECKLIST,
    OPTIONS,
    ActionItem,
    ActionStatus,
    Mitigation,
    StatusUpdate,
    UpdateStatus,
)

MOST = 200
"""Notes may be many; action items, mitigations and updates of one incident are at most so many each."""


def _note(draft: Transition, command: AddNote, policy: Policy) -> None:
    at = command.at or draft.now
    if at > draft.now:
        raise IllegalCommand(draft.incident, "note", "its time lies in the future")
    data = {"by": draft.actor.name, "at": rfc3339(at)}
    draft.add(Kind.NOTE, "note", command.text, data, policy.informs)


def _assign(draft: Transition, command: Assign, policy: Policy) -> None:
    role, person = command.role, (command.person or "").removeprefix("@") or None
    before = getattr(draft.incident.roles, role.field)
    if before == person:
        return
    text = f"{person or 'nobody'} is {role.title}" + (f", handed over by {before}" if before and person else "")
    data = {"role": role, "field": role.field, "person": person, "before": before, "duties": list(role.duties)}
    draft.add(Kind.ROLE, "assigned" if person else "vacant", text, data, policy.informs)


def _check_off(draft: Transition, command: CheckOff, policy: Policy) -> None:
    if command.item > len(CHECKLIST):
        raise IllegalCommand(draft.incident, "tick", f"the checklist has items 1 to {len(CHECKLIST)}")
    known = any(tick.item == command.item for tick in draft.incident.checklist)
    if known is command.done:
        return
    word = "done" if command.done else "not done after all"
    data = {"item": command.item, "done": command.done, "by": draft.actor.name}
    text = f"{CHECKLIST[command.item - 1]}: {word} ({draft.actor.name})"
    draft.add(Kind.CHECKLIST, "checked" if command.done else "unchecked", text, data, policy.informs)


def _add_action(draft: Transition, command: AddAction, policy: Policy) -> None:
    _room(draft, "add an action item", len(draft.incident.actions))
    item = ActionItem(
        n=len(draft.incident.actions) + 1,
        title=command.title,
        owner=command.owner.removeprefix("@"),
        due=command.due,
        by=draft.actor.name,
        at=draft.now,
    )
    until = f", due {item.due.isoformat()}" if item.due else ""
    text = f"action {item.n}: {item.title} ({item.owner}{until})"
    draft.add(
        Kind.ACTION_ADDED, "action", text, {"action": item.model_dump(mode="json")}, (*policy.informs, *policy.tickets)
    )


def _change_action(draft: Transition, command: ChangeAction, policy: Policy) -> None:
    known = next((item for item in draft.incident.actions if item.n == command.n), None)
    if known is None:
        have = f"it has actions 1 to {len(draft.incident.actions)}" if draft.incident.actions else "it has none"
        raise IllegalCommand(draft.incident, f"change action {command.n}", have)
    fields = {name: getattr(command, name) for name in command.model_fields_set if name != "n"}
    fields = {name: value for name, value in fields.items() if value is not None and getattr(known, name) != value}
    if not fields:
        return
    if "status" in fields:
        fields["done_at"] = draft.now if fields["status"] is ActionStatus.DONE else None
    item = known.model_copy(update=fields)
    words = ", ".join(f"{name} {value}" for name, value in fields.items() if name != "done_at")
    data = {"action": item.model_dump(mode="json"), "changed": sorted(fields)}
    draft.add(Kind.ACTION_CHANGED, "action", f"action {item.n}: {words}", data, (*policy.informs, *policy.tickets))


def _choose(draft: Transition, command: Choose, policy: Policy) -> None:
    _room(draft, "choose a mitigation", len(draft.incident.mitigations))
    option = next((one for one in OPTIONS if command.option.lower() in (one.name, one.title.lower())), None)
    chosen = Mitigation(
        n=len(draft.incident.mitigations) + 1,
        option=option.name if option else command.option,
        text=command.text or (option.title if option else command.option),
        by=draft.actor.name,
        at=draft.now,
    )
    known = f" (risk {option.risk}, {option.time}, effectiveness {option.effectiveness})" if option else ""
    text = f"mitigation: {option.title if option else command.option}{known}: {chosen.text}"
    data = {"mitigation": chosen.model_dump(mode="json"), "option": option.model_dump() if option else None}
    draft.add(Kind.MITIGATION, "chosen", text, data, policy.informs)


def _timer(draft: Transition, command: RunTimer, policy: Policy) -> None:
    watch = draft.incident.stopwatch
    runs = watch is not None and watch.stopped_at is None
    if command.action == "start":
        if not runs:
            draft.add(Kind.TIMER_STARTED, "timer", "timer started", to=policy.informs)
        return
    if watch is None or not runs:
        raise IllegalCommand(draft.incident, "stop the timer of", "it is not running (possible: start)", ("start",))
    seconds = (draft.now - watch.started_at).total_seconds()
    draft.add(
        Kind.TIMER_STOPPED,
        "timer",
        f"timer stopped after {seconds / 60:.0f} min",
        {"seconds": seconds},
        policy.informs,
    )


_ORDER = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED, State.MONITORING, State.RESOLVED, State.CLOSED)
_MEANS = {
    UpdateStatus.INVESTIGATING: State.ACKNOWLEDGED,
    UpdateStatus.IDENTIFIED: State.IDENTIFIED,
    UpdateStatus.MONITORING: State.MONITORING,
    UpdateStatus.RESOLVED: State.RESOLVED,
}


def _update(draft: Transition, command: UpdateStatusPage, policy: Policy) -> None:
    _room(draft, "update the status of", len(draft.incident.updates))
    _known(command.components or (), policy)
    _ahead(draft, command)
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
    text = f"{command.status}{'' if publish else f' (draft {update.n}, waits for approval)'}: {command.text}"
    draft.add(Kind.STATUS_UPDATE, command.status, text, data, update_recipients(policy, update))
    _forward(draft, command.status, policy)


def _ahead(draft: Transition, command: UpdateStatusPage) -> None:
    promised = (("next update", command.next_update), ("expected resolution", command.expected_resolution))
    for what, at in promised:
        if at is not None and at <= draft.now:
            why = f"its {what} ({rfc3339(at)}) has passed: name a time to come"
            raise IllegalCommand(draft.incident, "update the status of", why, ("status-updates",))


def _forward(draft: Transition, status: UpdateStatus, policy: Policy) -> None:
    # An update moves the incident forward to what it says, never back (surfaces.md, Decided).
    wanted, state = _MEANS[status], draft.incident.state
    if _ORDER.index(wanted) <= _ORDER.index(state):
        return
    to = (*policy.informs, *pagers_of(draft.incident))
    who = {"by": draft.actor.name}
    if wanted is State.ACKNOWLEDGED:
        draft.add(Kind.ACKNOWLEDGED, "status_update", f"acknowledged by {draft.actor.name}", who, to)
    elif wanted is State.IDENTIFIED:
        draft.add(Kind.IDENTIFIED, "status_update", f"cause identified by {draft.actor.name}", who, to)
    elif wanted is State.MONITORING and state in WAITING:
        text = f"mitigated, says {draft.actor.name}"
        begin_monitoring(draft, policy, "status_update", text, {**who, "mitigated": True}, to)
    elif wanted is State.RESOLVED:
        draft.add(Kind.RESOLVED, "status_update", f"resolved by {draft.actor.name}", who, to)


def _known(components: Iterable[str], policy: Policy) -> None:
    strange = [name for name in components if name not in policy.parts]
    if strange:
        have = f"there are {', '.join(policy.parts)}" if policy.parts else "the page has none: leave components out"
        raise ImpossibleCommand(f"no component of the status page is called {', '.join(strange)[:200]} ({have})")


def _approve(draft: Transition, command: ApproveUpdate, policy: Policy) -> None:
    known = next((update for update in draft.incident.updates if update.n == command.n), None)
    if known is None:
        have = f"it has updates 1 to {len(draft.incident.updates)}" if draft.incident.updates else "it has none"
        raise IllegalCommand(draft.incident, f"approve update {command.n} of", have, ("status-updates",))
    if known.published_at is not None:
        return
    why = update_obsolete(known, draft.incident)
    if why is not None:
        raise IllegalCommand(draft.incident, f"publish update {command.n} of", why)
    fresh = refresh_draft(known, draft.incident, policy, draft.now)
    update = fresh.model_copy(update={"published_at": draft.now, "approved_by": draft.actor.name})
    data = {"update": update.model_dump(mode="json")}
    text = f"update {known.n} approved by {draft.actor.name}"
    draft.add(Kind.STATUS_APPROVED, "approved", text, data, update_recipients(policy, update))


def _silenced(draft: Transition, command: RecordSilence, policy: Policy) -> None:
    if command.id in draft.incident.silences and not command.fresh:
        return
    text = f"silenced in Alertmanager until {rfc3339(command.until)} by {draft.actor.name}"
    silences = list(dict.fromkeys((*draft.incident.silences, command.id)))
    data = {"silences": silences, "until": rfc3339(command.until)}
    draft.add(Kind.SILENCED, "silenced", f"{text}: {command.text}" if command.text else text, data, policy.informs)


def _room(draft: Transition, what: str, count: int) -> None:
    if count >= MOST:
        raise IllegalCommand(draft.incident, what, f"there are {MOST} already")


LABOUR: dict[type[Command], Callable[[Transition, Any, Policy], None]] = {
    AddNote: _note,
    Assign: _assign,
    CheckOff: _check_off,
    AddAction: _add_action,
    ChangeAction: _change_action,
    Choose: _choose,
    RunTimer: _timer,
    UpdateStatusPage: _update,
    ApproveUpdate: _approve,
    RecordSilence: _silenced,
    WritePostmortem: write_postmortem,
    CorrectEntry: correct_entry,
    SetClock: set_clock,
}
"""Each command of this page, and what it writes."""
