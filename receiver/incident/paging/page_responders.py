"""The events that page and notify people as the result of a decision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from receiver.incident.log.event_log import Transition
from receiver.incident.oncall.on_call_shift import members
from receiver.incident.paging.page_hours import queue_pages, queued_until
from receiver.incident.paging.planned_pages import SkippedRecipient, page_destination, plan_pages
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient, email_destinations, find_informed, find_recipients, people_of
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import CALLED as CALLED
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import ContactMethod, NotifiedContact
from receiver.model.incident.state import State
from receiver.model.severity_policy import Until

FRESH = ("opened", "severity_raised", "severity_set", "reopened", "maintenance_ended")
"""Steps that page people for a new reason, and not only again."""
BACKUP = "backup"
"""The step that pages the backup of a contact that has not answered."""
AT_ANY_HOUR = (CALLED, BACKUP, "escalated")
"""Steps that page outside page hours: a page by name, a page that replaces an undelivered one, and a manual escalation.
The timers of steps and backups are not due outside page hours."""
TAKER = "whoever takes the ticket"
"""The contact of an incident that only has a ticket: its response time applies nonetheless."""


def adopt_pages(draft: Transition, adopted: Sequence[Page], *, again: bool = False) -> None:
    """Record pages that were sent without the store, so that no one is paged twice and each page is resolved.

    `again`: record also the pages that the incident already has, because they may have been sent after their resolve.
    The same is true of a page that has ended, because a replica without the store did not know that.
    """
    incident = draft.incident
    valid = [page for page in incident.pages if page.ring == incident.ring and not page.withdrawn]
    known = set() if again else {(page.channel, page.key) for page in valid}
    for page in adopted:
        if (page.channel, page.key) not in known:
            draft.add(
                Kind.EMERGENCY_PAGED,
                "emergency",
                f"{page.person} was paged while the store was unavailable",
                {"page": page.model_dump(mode="json")},
                (page_destination(page),),
            )


def page_responders(draft: Transition, policy: Policy, step: str, *, released: bool = False) -> None:
    """Page and notify the contacts of the incident's severity, and record who is skipped and why.

    A held incident (part of a storm, or of a maintenance window) pages no one. `released`: it was held until now; if it
    was acknowledged meanwhile, no one is paged.
    """
    if draft.incident.held is not None and queued_until(draft.incident) is None:
        return
    waited = queued_until(draft.incident) is not None
    called = policy.called(draft.incident)
    waits = bool(called.page or any(one.page for one in called.steps)) and queue_pages(draft, policy)
    if waits and waited:
        return
    incident = draft.incident
    taken = incident.state in (State.ACKNOWLEDGED, State.IDENTIFIED) and called.until is Until.ACKNOWLEDGED
    if released and taken:
        notify_contacts(draft, policy, called.notify, step)
    elif waits:
        notify_contacts(draft, policy, called.notify, step, called.respond)
    else:
        page_contacts(draft, policy, called.page, step, called.respond)
        notify_contacts(draft, policy, called.notify, step, called.respond)
    if called.all_hands:
        _gather(draft, policy, step)
    if called.ticket and step in FRESH:
        where = "a ticket is created" if policy.tickets else "no channel creates tickets: it is listed in the queue"
        data: dict[str, Any] = {"tickets": [to.model_dump(mode="json") for to in policy.tickets]}
        if not (called.page or called.notify):
            due = add_business_time(draft.now, called.respond, called.hours, draft.incident.plan.zone)
            reach = NotifiedContact(
                contact=TAKER, way=ContactMethod.NOTIFY, at=draft.now, due=due, ring=draft.incident.ring
            )
            data["reached"] = [reach.model_dump(mode="json")]
        draft.add(Kind.TICKET, step, where, data, policy.tickets or policy.informs)


def page_responders_again(draft: Transition, policy: Policy, before: Incident, step: str) -> None:
    """Page people for the new notification cycle of `draft`: the contacts of its severity, and all unanswered `before`.

    The pages of the previous cycle end with it, and the escalation does not repeat them. Only backups are paged again
    when their time is due.
    """
    waiting = dict.fromkeys(
        (page.contact, page.person)
        for page in before.pages
        if page.ring == before.ring and page.seq > before.hushed and page.step != BACKUP
    )
    page_responders(draft, policy, step)
    if draft.incident.held is not None:
        return
    notified = {page.person for page in draft.incident.pages if page.ring == draft.incident.ring}
    wanted = [Recipient(contact, (person,)) for contact, person in waiting if person not in notified]
    page_recipients(draft, policy, wanted, step)


def page_contacts(
    draft: Transition, policy: Policy, contacts: Iterable[str], step: str, respond: float | None = None
) -> int:
    """Page `contacts`, record who is skipped, and return how many are reached, now or before.

    `respond`: seconds in which each must answer before its backup is paged; None: no answer is expected.
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
    """Page the `wanted` recipients; see `page_contacts`, and `plan_pages` for `again`, `note` and `by`."""
    if step not in AT_ANY_HOUR and queue_pages(draft, policy):
        return 0
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
    _record_skipped(draft, policy, passed)
    return len(made) + sum(one.reason == "already_paged" for one in passed)


def _record_skipped(draft: Transition, policy: Policy, skipped: Iterable[SkippedRecipient]) -> None:
    for one in skipped:
        who = f"{one.person} ({one.contact})" if one.person else one.contact
        text = f"{who} is not paged: {one.why}"
        where = {"contact": one.contact, "person": one.person}
        draft.add(Kind.PAGE_PASSED, one.reason, text, where, policy.informs if one.reason != "already_paged" else ())


def notify_contacts(
    draft: Transition, policy: Policy, contacts: Iterable[str], step: str, respond: float | None = None
) -> int:
    """Notify `contacts` and the audiences, never by pager, and return how many people are notified now."""
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
        draft.add(Kind.NOTIFY, step, told_text(policy, people), data, to)
    return len(people)


def told_text(policy: Policy, people: Sequence[str], role: str = "") -> str:
    """Return in words which of `people` are notified, and which of them no channel reaches.

    `role`: why they are notified, such as ` as backup of on-call`.
    """
    everybody = any(to.channel not in policy.mute for to in policy.informs)
    reached = [one for one in people if everybody or email_destinations(policy, [one])]
    rest = [one for one in people if one not in reached]
    where = "; the notice is in the log" if policy.informs else ""
    notified = [f"notified{role}: {', '.join(reached)}"] if reached else []
    return "; ".join([*notified, *([f"no channel reaches {', '.join(rest)}{where}"] if rest else [])])


def _reach(policy: Policy, draft: Transition, contact: str, way: ContactMethod, respond: float) -> dict[str, Any]:
    incident = draft.incident
    plan = policy.called(incident)
    seconds = policy.directory.answers_within(contact) or respond
    hours, zone = plan.hours, incident.plan.zone
    if hours is None and way is ContactMethod.PAGE and plan.page_hours is not None:
        hours, zone = plan.page_hours, plan.page_hours.zone
    due = add_business_time(draft.now, seconds, hours, zone)
    return NotifiedContact(contact=contact, way=way, at=draft.now, due=due, ring=incident.ring).model_dump(mode="json")


def _gather(draft: Transition, policy: Policy, step: str) -> None:
    # All hands: everyone in the schedules.
    people = sorted({person for schedule in policy.directory.hands for person in members(schedule, draft.now)})
    known = set(draft.incident.notified)
    fresh = [person for person in people if person not in known]
    if people and step in FRESH:
        to = (*policy.informs, *email_destinations(policy, fresh))
        draft.add(Kind.ALL_HANDS, step, f"all hands notified: {', '.join(people)}", {"people": fresh}, to)
