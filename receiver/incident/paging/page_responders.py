"""Who is paged and informed by a decision: the events that say so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from receiver.incident.log.event_log import Transition
from receiver.incident.oncall.on_call_shift import members
from receiver.incident.paging.recipients import (
    Policy,
    Recipient,
    email_destinations,
    find_informed,
    find_recipients,
    page_destination,
    people_of,
    plan_pages,
)
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import CALLED as CALLED
from receiver.model.incident.incident import Incident, Page, State
from receiver.model.incident.policy_snapshot import ContactMethod, NotifiedContact
from receiver.model.severity_policy import Until

FRESH = ("opened", "severity_raised", "severity_set", "reopened", "maintenance_ended")
"""Why people are called when it is new to them, and not only once more."""
BACKUP = "backup"
"""Why somebody is called who stands behind a contact that has not answered."""
TAKER = "whoever takes the ticket"
"""Stands for a contact where nobody is called but for a ticket: its time to answer counts all the same."""


def adopt_pages(draft: Transition, adopted: Sequence[Page], *, again: bool = False) -> None:
    """Write down pages that were sent while the store was away: nobody is paged twice, each gets its resolve.

    `again`: those that the incident has already as well, since they may have been sent after their resolve. So may one
    that has ended there: a replica that was cut off did not know of it.
    """
    incident = draft.incident
    valid = [page for page in incident.pages if page.ring == incident.ring and not page.withdrawn]
    known = set() if again else {(page.channel, page.key) for page in valid}
    for page in adopted:
        if (page.channel, page.key) not in known:
            draft.add(
                Kind.EMERGENCY_PAGED,
                "emergency",
                f"{page.person} was paged while the store was away",
                {"page": page.model_dump(mode="json")},
                (page_destination(page),),
            )


def page_responders(draft: Transition, policy: Policy, step: str, *, released: bool = False) -> None:
    """Page and inform whom the incident's severity calls for, and say who is passed over and why.

    Nobody is called for an incident that is held (part of a storm, or of a maintenance window). `released`: it was
    held until now; where somebody has taken it meanwhile, that is answer enough, and nobody is paged for it.
    """
    incident = draft.incident
    if incident.held is not None:
        return
    called = policy.called(incident)
    taken = incident.state in (State.ACKNOWLEDGED, State.IDENTIFIED) and called.until is Until.ACKNOWLEDGED
    if released and taken:
        notify_contacts(draft, policy, called.notify, step)
    else:
        page_contacts(draft, policy, called.page, step, called.respond)
        notify_contacts(draft, policy, called.notify, step, called.respond)
    if called.all_hands:
        _gather(draft, policy, step)
    if called.ticket and step in FRESH:
        where = "a ticket is made" if policy.tickets else "no channel makes tickets: it stands in the queue"
        data: dict[str, Any] = {"tickets": [to.model_dump(mode="json") for to in policy.tickets]}
        if not (called.page or called.notify):
            due = add_business_time(draft.now, called.respond, called.hours, draft.incident.plan.zone)
            reach = NotifiedContact(
                contact=TAKER, way=ContactMethod.NOTIFY, at=draft.now, due=due, ring=draft.incident.ring
            )
            data["reached"] = [reach.model_dump(mode="json")]
        draft.add(Kind.TICKET, step, where, data, policy.tickets or policy.informs)


def page_responders_again(draft: Transition, policy: Policy, before: Incident, step: str) -> None:
    """Call people in the new ring that `draft` has begun: as its severity asks, and whoever had not answered `before`.

    The pages of the ring before end with it, and the escalation does not come back to them: backups alone are called
    anew by their own time.
    """
    waiting = dict.fromkeys(
        (page.contact, page.person)
        for page in before.pages
        if page.ring == before.ring and page.seq > before.hushed and page.step != BACKUP
    )
    page_responders(draft, policy, step)
    if draft.incident.held is not None:
        return
    rung = {page.person for page in draft.incident.pages if page.ring == draft.incident.ring}
    wanted = [Recipient(contact, (person,)) for contact, person in waiting if person not in rung]
    page_recipients(draft, policy, wanted, step)


def page_contacts(
    draft: Transition, policy: Policy, contacts: Iterable[str], step: str, respond: float | None = None
) -> int:
    """Page `contacts`, say who is passed over, and return how many are reached, now or before.

    `respond`: seconds within which each is to answer before its backup is reached; None: nobody waits for an answer.
    """
    plan = policy.called(draft.incident)
    wanted = find_recipients(policy, dict.fromkeys(contacts), draft.now, plan.page)
    return page_recipients(draft, policy, wanted, step, respond)


def page_recipients(
    draft: Transition,
    policy: Policy,
    wanted: Sequence[Recipient],
    step: str,
    respond: float | None = None,
    *,
    again: Collection[str] = (),
    note: str = "",
    by: str = "",
) -> int:
    """Page whom `wanted` names; see `page_contacts`, and `plan_pages` for `again`, `note` and `by`."""
    incident = draft.incident
    made, passed = plan_pages(
        policy,
        wanted,
        key=incident.key,
        episode=incident.episode,
        ring=incident.ring,
        paged=incident.pages,
        step=step,
        now=draft.now,
        again=again,
        note=note,
        by=by,
        severity=incident.severity,
    )
    waited = {reach.contact for reach in incident.reached if reach.way is ContactMethod.PAGE}
    for page in made:
        data: dict[str, Any] = {"page": page.model_dump(mode="json")}
        if respond is not None and page.contact not in waited:
            waited.add(page.contact)
            data["reached"] = [_reach(policy, draft, page.contact, ContactMethod.PAGE, respond)]
        role = f" for {page.contact}" if page.contact != page.person else ""
        draft.add(Kind.PAGE, step, f"{page.person} is paged{role}", data, (page_destination(page),))
    for one in passed:
        who = one.person or "nobody"
        text = f"{who} of {one.contact} is not paged: {one.reason.replace('_', ' ')}"
        where = {"contact": one.contact, "person": one.person}
        draft.add(Kind.PAGE_PASSED, one.reason, text, where, policy.informs if one.reason != "already_paged" else ())
    return len(made) + sum(one.reason == "already_paged" for one in passed)


def notify_contacts(
    draft: Transition, policy: Policy, contacts: Iterable[str], step: str, respond: float | None = None
) -> int:
    """Inform `contacts` and the audiences, never by pager, and return how many people hear of it now."""
    incident = draft.incident
    contacts = tuple(dict.fromkeys(contacts))
    people = find_informed(policy, contacts, incident, draft.now)
    waited = {reach.contact for reach in incident.reached}
    reached = []
    if respond is not None:
        found = set(people)
        for contact in contacts:
            if contact not in waited and found.intersection(people_of(policy, contact, draft.now)[0]):
                reached.append(_reach(policy, draft, contact, ContactMethod.NOTIFY, respond))
    if people:
        data = {"people": list(people)} | ({"reached": reached} if reached else {})
        to = (*policy.informs, *email_destinations(policy, people))
        draft.add(Kind.NOTIFY, step, f"informed: {', '.join(people)}", data, to)
    return len(people)


def _reach(policy: Policy, draft: Transition, contact: str, way: ContactMethod, respond: float) -> dict[str, Any]:
    incident = draft.incident
    plan = policy.called(incident)
    seconds = policy.directory.answers_within(contact) or respond
    due = add_business_time(draft.now, seconds, plan.hours, incident.plan.zone)
    return NotifiedContact(contact=contact, way=way, at=draft.now, due=due, ring=incident.ring).model_dump(mode="json")


def _gather(draft: Transition, policy: Policy, step: str) -> None:
    # All hands: everybody of the schedules (the seed's "all-hands until resolved").
    schedules = policy.directory.schedules.values()
    people = sorted({person for schedule in schedules for person in members(schedule, draft.now)})
    known = set(draft.incident.notified)
    fresh = [person for person in people if person not in known]
    if people and step in FRESH:
        to = (*policy.informs, *email_destinations(policy, fresh))
        draft.add(Kind.ALL_HANDS, step, f"all hands: {', '.join(people)}", {"people": fresh}, to)
