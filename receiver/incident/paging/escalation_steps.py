"""When an escalation step is due and whom it pages, and missed responses. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_hours import within_page_hours
from receiver.incident.paging.page_responders import BACKUP as BACKUP
from receiver.incident.paging.page_responders import notify_contacts, page_contacts, page_recipients, told_text
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient, backup_of, email_destinations
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import ContactMethod, NotifiedContact, Step
from receiver.model.incident.state import State
from receiver.model.severity_policy import Until

WAITING = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED)
"""States in which the escalation may continue; monitoring suspends it."""


def escalation_goes_on(incident: Incident, policy: Policy) -> bool:
    """Return whether the escalation of `incident` continues."""
    if incident.held is not None or incident.calling_state not in WAITING:
        return False
    return incident.calling_state is State.OPEN or policy.called(incident).until is Until.RESOLVED


def step_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the next step of the escalation is due; None if there is none, or the escalation is paused."""
    steps, ladder = policy.called(incident).steps, incident.ladder
    if not escalation_goes_on(incident, policy) or ladder.since is None or ladder.step >= len(steps):
        return None
    step, left = steps[ladder.step], max(0.0, steps[ladder.step].after - ladder.spent)
    hours = policy.called(incident).page_hours if step.page else None
    # The escalation is paused outside page hours, so that not everyone is paged at once when they begin.
    return add_business_time(ladder.since, left, hours, hours.zone if hours else "UTC")


def escalate(draft: Transition, policy: Policy, *, forced: bool = False, once: bool = False) -> None:
    """Run the steps that are due. A step that reaches no one is recorded, and the next one follows immediately.

    `forced`: a person requests the next step before it is due. `once`: stop after the first step that reaches a person.
    """
    steps = policy.called(draft.incident).steps
    while (ladder := draft.incident.ladder).step < len(steps):
        due = step_due(draft.incident, policy)
        if not forced and (due is None or due > draft.now):
            return
        forced = _take(draft, policy, ladder.step, steps[ladder.step])
        if once and not forced:
            return


def _take(draft: Transition, policy: Policy, index: int, step: Step) -> bool:
    """Take one step and return whether it reached no one."""
    minutes = f"{step.after / 60:g} min"
    wanted = ", ".join((*step.page, *step.notify))
    data = {"step": index + 1, "after": step.after, "page": list(step.page), "notify": list(step.notify)}
    before = len(draft.events)
    draft.add(Kind.ESCALATED, "escalated", f"escalation step {index + 1} ({minutes}): {wanted}", data, policy.informs)
    reached = page_contacts(draft, policy, step.page, "escalated") if step.page else 0
    notified = notify_contacts(draft, policy, step.notify, "escalated") if step.notify else 0
    known = bool(step.notify) and not notified and _notified_before(draft, policy, step)
    if reached or notified or known:
        return False
    text = f"no one can be reached in step {index + 1}: the next step is taken immediately"
    draft.add(Kind.STEP_PASSED, "nobody", text, {**data, "events": len(draft.events) - before}, policy.informs)
    return True


def _notified_before(draft: Transition, policy: Policy, step: Step) -> bool:
    incident = draft.incident
    known = set(incident.notified) | {page.person for page in incident.pages}
    found: set[str] = set()
    for contact in step.notify:
        try:
            found.update(policy.directory.people_of(contact, draft.now))
        except LookupError:
            continue
    return bool(found & known)


def response_due(incident: Incident) -> datetime | None:
    """Return when the first contact misses its response time; None if no answer is expected."""
    if incident.held is not None or incident.calling_state not in WAITING:
        return None
    due = min((reach.due for reach in awaited(incident) if reach.due), default=None)
    return within_page_hours(incident.called, due) if incident.called is not None else due


def awaited(incident: Incident) -> list[NotifiedContact]:
    """Return the contacts that have not answered, in any state of the incident; each has its time in `due`."""
    # Once the severity is lowered to one that does not page a contact, its backup is not paged either.
    called = incident.called
    return [
        reach
        for reach in incident.reached
        if reach.due is not None and reach.ring == incident.ring and reach.seq > incident.hushed
        if reach.way is not ContactMethod.PAGE or called is None or called.pages(reach.contact)
    ]


def on_response_missed(draft: Transition, policy: Policy) -> None:
    """Record which contacts have not answered in time, and page or notify their backups in the same way."""
    late = [reach for reach in awaited(draft.incident) if reach.due is not None and reach.due <= draft.now]
    if not late:
        return
    names = list(dict.fromkeys(reach.contact for reach in late))
    minutes = (draft.now - min(reach.at for reach in late)).total_seconds() / 60
    draft.add(
        Kind.RESPONSE_BREACHED,
        "not_acknowledged",
        f"no acknowledgement within {minutes:.0f} min by {', '.join(names)}",
        {"contacts": names, "severity": draft.incident.severity},
        policy.informs,
    )
    for reach in late:
        if _unmanned(policy, reach.contact, draft.now):
            text = f"no one is on call as the backup of {reach.contact} now"
            data = {"contact": reach.contact, "person": None}
            draft.add(Kind.PAGE_PASSED, "nobody", text, data, policy.informs)
        elif reach.way is ContactMethod.PAGE:
            _page_backup(draft, policy, reach.contact)
        else:
            _tell_backup(draft, policy, reach.contact)


def _unmanned(policy: Policy, contact: str, now: datetime) -> bool:
    # It has a backup without people: a schedule with no one on call now.
    known = policy.directory.contacts.get(contact)
    return known is not None and known.backup is not None and not backup_of(policy, contact, now)


def _page_backup(draft: Transition, policy: Policy, contact: str) -> None:
    people = backup_of(policy, contact, draft.now)
    if people:
        page_recipients(draft, policy, [Recipient(contact, people)], BACKUP)


def _tell_backup(draft: Transition, policy: Policy, contact: str) -> None:
    known = set(draft.incident.notified) | {page.person for page in draft.incident.pages}
    people = [person for person in backup_of(policy, contact, draft.now) if person not in known]
    if people:
        text = told_text(policy, people, f" as backup of {contact}")
        to = (*policy.informs, *email_destinations(policy, people))
        draft.add(Kind.NOTIFY, BACKUP, text, {"people": people}, to)
