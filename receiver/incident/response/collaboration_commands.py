"""Commands that record work on an incident: notes, roles, checklist, action items, mitigations, timer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from receiver.incident.followup.postmortem_commands import correct_entry, set_clock, write_postmortem
from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.name_lookup import find_name
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.drafts import discard_draft, edit_draft
from receiver.incident.response.record_limits import check_room
from receiver.incident.response.status_update_commands import approve_update, update_status_page
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
    DiscardDraft,
    EditDraft,
    MarkNoise,
    RecordSilence,
    RunTimer,
    SetClock,
    SetVisibility,
    UpdateStatusPage,
    WritePostmortem,
)
from receiver.model.incident.event import Kind
from receiver.model.incident.response_records import (
    CHECKLIST,
    OPTIONS,
    ActionItem,
    ActionStatus,
    Mitigation,
    NoiseMark,
)


def _note(draft: Transition, command: AddNote, policy: Policy) -> None:
    at = command.at or draft.now
    if at > draft.now:
        raise IllegalCommand(draft.incident, "note", "its time is in the future")
    data = {"by": draft.actor.name, "at": rfc3339(at)}
    draft.add(Kind.NOTE, "note", command.text, data, policy.informs)


def _set_visibility(draft: Transition, command: SetVisibility, policy: Policy) -> None:
    incident, private = draft.incident, command.visibility == "team"
    if incident.private is private:
        return
    _, others = policy.guarded(incident.labels, incident.team)
    who = f"team {incident.team} and callers without a team limit" if incident.team else "callers without a team limit"
    seen = sorted({to.channel for to in (*policy.informs, *incident.ticketed, *incident.documented, *incident.written)})
    posted = f"; earlier messages remain in: {', '.join(seen)}" if private and seen else ""
    text = f"only {who} can see it now{posted}" if private else "everyone who can read incidents can see it now"
    data = {"by": draft.actor.name, "private": private, "visible_to": list(others) if private else [], "posted": seen}
    draft.add(Kind.VISIBILITY, "private" if private else "public", f"{text} (by {draft.actor.name})", data)


def _assign(draft: Transition, command: Assign, policy: Policy) -> None:
    role, person = command.role, (command.person or "").removeprefix("@") or None
    _check_person(person, policy, known_only=command.known_only)
    before = getattr(draft.incident.roles, role.field)
    if before == person:
        return
    text = f"{person or 'no one'} is {role.title}" + (f", handed over by {before}" if before and person else "")
    data = {"role": role, "field": role.field, "person": person, "before": before, "duties": list(role.duties)}
    draft.add(Kind.ROLE, "assigned" if person else "vacant", text, data, policy.informs)


def _check_person(person: str | None, policy: Policy, *, known_only: bool) -> None:
    people = policy.directory.people
    # Without people in the configuration, every name is accepted.
    if known_only and person is not None and people:
        find_name(person, people, "person")


def _check_off(draft: Transition, command: CheckOff, policy: Policy) -> None:
    if command.item > len(CHECKLIST):
        raise IllegalCommand(draft.incident, "tick", f"the checklist has items 1 to {len(CHECKLIST)}")
    known = any(tick.item == command.item for tick in draft.incident.checklist)
    if known is command.done:
        return
    word = "done" if command.done else "unchecked"
    data = {"item": command.item, "done": command.done, "by": draft.actor.name}
    text = f"{CHECKLIST[command.item - 1]}: {word} ({draft.actor.name})"
    draft.add(Kind.CHECKLIST, "checked" if command.done else "unchecked", text, data, policy.informs)


def _add_action(draft: Transition, command: AddAction, policy: Policy) -> None:
    check_room(draft, "add an action item", len(draft.incident.actions))
    _check_person(command.owner, policy, known_only=command.known_only)
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
    _check_person(command.owner, policy, known_only=command.known_only)
    fields = {name: getattr(command, name) for name in command.model_fields_set - {"n", "known_only"}}
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
    check_room(draft, "choose a mitigation", len(draft.incident.mitigations))
    option = next((one for one in OPTIONS if command.option.lower() in (one.name, one.title.lower())), None)
    if option is None and command.known_only:
        find_name(command.option, [one.name for one in OPTIONS], "option")
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


def _noise(draft: Transition, command: MarkNoise, policy: Policy) -> None:
    if command.noise is (draft.incident.noise is not None) and not command.text:
        return
    who = draft.actor.name
    mark = NoiseMark(by=who, at=draft.now, text=command.text or "") if command.noise else None
    text = f"marked as noise by {who}" if mark else f"{who} removed the noise mark"
    data = {"noise": mark.model_dump(mode="json") if mark else None}
    more = f"{text}: {command.text}" if command.text else text
    draft.add(Kind.NOISE, "noise" if mark else "not_noise", more, data, policy.informs)


def _silenced(draft: Transition, command: RecordSilence, policy: Policy) -> None:
    if command.id in draft.incident.silences and not command.fresh:
        return
    text = f"silenced in Alertmanager until {rfc3339(command.until)} by {draft.actor.name}"
    silences = list(dict.fromkeys((*draft.incident.silences, command.id)))
    data = {"silences": silences, "until": rfc3339(command.until)}
    draft.add(Kind.SILENCED, "silenced", f"{text}: {command.text}" if command.text else text, data, policy.informs)


COLLABORATION: dict[type[Command], Callable[[Transition, Any, Policy], None]] = {
    AddNote: _note,
    SetVisibility: _set_visibility,
    Assign: _assign,
    CheckOff: _check_off,
    AddAction: _add_action,
    ChangeAction: _change_action,
    Choose: _choose,
    RunTimer: _timer,
    UpdateStatusPage: update_status_page,
    ApproveUpdate: approve_update,
    EditDraft: edit_draft,
    DiscardDraft: discard_draft,
    MarkNoise: _noise,
    RecordSilence: _silenced,
    WritePostmortem: write_postmortem,
    CorrectEntry: correct_entry,
    SetClock: set_clock,
}
"""The function that carries out each of these commands."""
