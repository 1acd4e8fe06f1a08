"""A new alert joins an acknowledged incident: who gets a message, and who is paged again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_hours import pages_wait_until, within_page_hours
from receiver.incident.paging.page_responders import page_recipients
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient
from receiver.model.alert.alert import Alert
from receiver.model.base import rfc3339
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import TAKEN
from receiver.model.severity_policy import NewAlert

STEP = "new_alert"
"""The step of a page for a new alert."""
SETTLED = timedelta(minutes=10)
"""The person who has just acknowledged sees alerts that start this soon afterward."""
AT_MOST_EVERY = timedelta(minutes=15)
"""Minimum time between two such pages for one incident."""
NAMED = 10


def mentioned_on_join(incident: Incident, policy: Policy) -> list[str]:
    """Return who is mentioned in chat when a new alert joins `incident`: the person who has acknowledged it."""
    taker = policy.person_called(incident.acknowledged_by)
    mentioned = policy.joining(incident.severity) is not NewAlert.IGNORE and incident.state in TAKEN
    return [taker] if taker and mentioned else []


def join_alerts(draft: Transition, policy: Policy, fresh: Sequence[Alert], *, worse: bool) -> None:
    """Page the person who has acknowledged if the acknowledgement does not cover the `fresh` alerts.

    `worse`: they are more severe than every earlier alert of the incident. Pages at most once in 15 minutes; alerts
    that arrive earlier are named in the next page.
    """
    incident = draft.incident
    if not fresh or incident.state not in TAKEN or incident.held is not None:
        return
    if policy.joining(incident.severity) is not NewAlert.PAGE:
        return
    answered = incident.answered_at or incident.acknowledged_at
    apart = [alert for alert in fresh if worse or answered is None or _starts(alert, draft.now) - answered > SETTLED]
    if not apart:
        return
    names = tuple(dict.fromkeys((*incident.joining, *(alert.name[:200] for alert in apart))))
    if (opens := pages_wait_until(policy.called(incident), draft.now)) is not None:
        text = f"no one is paged for new alerts before page hours begin at {rfc3339(opens)}"
        data = {"joining": list(names), "joined_at": rfc3339(draft.now)}
        draft.add(Kind.PAGE_PASSED, STEP, text, data)
        return
    due = incident.joined_at + AT_MOST_EVERY if incident.joined_at is not None else draft.now
    if draft.now < due and not worse:
        text = f"the last page for new alerts was less than {AT_MOST_EVERY.seconds // 60} min ago: the next is at"
        draft.add(Kind.PAGE_PASSED, STEP, f"{text} {rfc3339(due)}", {"joining": list(names)})
        return
    _notify(draft, policy, names)


def joined_alerts_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when people are paged for new alerts that arrived too soon after the last page; None if there are none."""
    if not incident.joining or incident.joined_at is None or incident.state not in TAKEN or incident.held is not None:
        return None
    return within_page_hours(policy.called(incident), incident.joined_at + AT_MOST_EVERY)


def notify_of_joined_alerts(draft: Transition, policy: Policy) -> None:
    """Page people for the new alerts that were waiting."""
    if policy.joining(draft.incident.severity) is NewAlert.PAGE and draft.incident.firing:
        _notify(draft, policy, draft.incident.joining)
    else:
        draft.add(Kind.PAGE_PASSED, STEP, "no one is left to notify about the new alerts", {"joining": []})


def _starts(alert: Alert, now: datetime) -> datetime:
    return alert.starts_at if alert.starts_at.year > 1970 else now


def _notify(draft: Transition, policy: Policy, names: Iterable[str]) -> None:
    incident, plan = draft.incident, policy.called(draft.incident)
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    note = f"new alert{'s' if len(names) > 1 else ''}: {', '.join(names[:NAMED])}{more}"
    # People who were just paged because the severity rose know about the alerts from that page.
    heard = {page.person for page in incident.unanswered if page.at == draft.now}
    wanted = [one for one in _answerers(incident, policy, draft.now) if heard.isdisjoint(one.people)]
    people = {person for one in wanted for person in one.people}
    stale = [page.key for page in incident.unanswered if page.person in people]
    until = add_business_time(draft.now, plan.respond, plan.hours, incident.plan.zone)
    text = f"{note}; without a response by {rfc3339(until)}, the acknowledgement expires and the escalation continues"
    data = {
        "joining": [],
        "joined_at": rfc3339(draft.now),
        "answer_by": rfc3339(until),
        "people": sorted(people),
        "withdrawn": list(dict.fromkeys(stale)),
    }
    draft.add(Kind.UPDATED, STEP, text, data, (*policy.informs, *pagers_of(incident)))
    page_recipients(draft, policy, wanted, STEP, again=people, note=note)


def _answerers(incident: Incident, policy: Policy, now: datetime) -> list[Recipient]:
    """Return the person who acknowledged.

    If the configuration has no such person, these are the people whose page was acknowledged.
    """
    ours = [page for page in incident.pages if page.ring == incident.ring]
    newest: dict[str, Page] = {page.person: page for page in ours}
    taker = policy.person_called(incident.acknowledged_by)
    plan = policy.called(incident)
    contact = next(iter((*plan.page, *plan.notify)), "")
    if taker is not None:
        return [Recipient(newest[taker].contact if taker in newest else contact or taker, (taker,))]
    answered = [page for page in newest.values() if page.seq < incident.hushed]
    return [Recipient(page.contact, (page.person,)) for page in answered]
