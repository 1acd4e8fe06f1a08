"""Who is called when nobody answers: the escalation matrix, missed responses, and acknowledgements that lapse. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_responders import BACKUP as BACKUP
from receiver.incident.paging.page_responders import notify_contacts, page_contacts, page_recipients
from receiver.incident.paging.recipients import Policy, Recipient, backup_of
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident, State
from receiver.model.incident.policy_snapshot import ContactMethod, NotifiedContact, Step
from receiver.model.severity_policy import Until

WAITING = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED)
"""States in which somebody may still have to be called; watching suspends it."""


def escalation_goes_on(incident: Incident, policy: Policy) -> bool:
    """Return whether the escalation of `incident` goes on."""
    if incident.held is not None or incident.calling_state not in WAITING:
        return False
    return incident.calling_state is State.OPEN or policy.called(incident).until is Until.RESOLVED


def step_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the next step of the escalation is due; None when there is none, or its clock stands."""
    steps, ladder = policy.called(incident).steps, incident.ladder
    if not escalation_goes_on(incident, policy) or ladder.since is None or ladder.step >= len(steps):
        return None
    return ladder.since + timedelta(seconds=max(0.0, steps[ladder.step].after - ladder.spent))


def escalate(draft: Transition, policy: Policy, *, forced: bool = False, once: bool = False) -> None:
    """Take the steps that are due; a step with nobody in it is passed at once, and said.

    `forced`: somebody asks for the next step before it is due. `once`: no step after the first that reaches somebody.
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
    """Take one step and return whether nobody was in it."""
    minutes = f"{step.after / 60:g} min"
    wanted = ", ".join((*step.page, *step.notify))
    data = {"step": index + 1, "after": step.after, "page": list(step.page), "notify": list(step.notify)}
    before = len(draft.events)
    draft.add(Kind.ESCALATED, "escalated", f"escalation step {index + 1} ({minutes}): {wanted}", data, policy.informs)
    reached = page_contacts(draft, policy, step.page, "escalated") if step.page else 0
    heard = notify_contacts(draft, policy, step.notify, "escalated") if step.notify else 0
    known = bool(step.notify) and not heard and _heard_before(draft, policy, step)
    if reached or heard or known:
        return False
    text = f"nobody can be reached in step {index + 1}: the next one is taken at once"
    draft.add(Kind.STEP_PASSED, "nobody", text, {**data, "events": len(draft.events) - before}, policy.informs)
    return True


def _heard_before(draft: Transition, policy: Policy, step: Step) -> bool:
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
    """Return when the first contact that was called has not answered in time; None when nobody is waited for."""
    if incident.held is not None or incident.calling_state not in WAITING:
        return None
    return min((reach.due for reach in _unanswered(incident) if reach.due), default=None)


def _unanswered(incident: Incident) -> list[NotifiedContact]:
    # Once the severity is lowered to one that does not page a contact, nobody stands in for that contact either.
    called = incident.called
    return [
        reach
        for reach in incident.reached
        if reach.due is not None and reach.ring == incident.ring and reach.seq > incident.hushed
        if reach.way is not ContactMethod.PAGE or called is None or called.pages(reach.contact)
    ]


def on_response_missed(draft: Transition, policy: Policy) -> None:
    """Say which contacts have not answered in time, and reach their backups the way that they were reached."""
    late = [reach for reach in _unanswered(draft.incident) if reach.due is not None and reach.due <= draft.now]
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
            text = f"nobody stands behind {reach.contact} now: its backup is nobody at present"
            data = {"contact": reach.contact, "person": None}
            draft.add(Kind.PAGE_PASSED, "nobody", text, data, policy.informs)
        elif reach.way is ContactMethod.PAGE:
            _page_backup(draft, policy, reach.contact)
        else:
            _tell_backup(draft, policy, reach.contact)


def _unmanned(policy: Policy, contact: str, now: datetime) -> bool:
    # It has a backup, and there is nobody in it: a schedule that nobody holds at this hour.
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
        text = f"informed as backup of {contact}: {', '.join(people)}"
        draft.add(Kind.NOTIFY, BACKUP, text, {"people": people}, policy.informs)
