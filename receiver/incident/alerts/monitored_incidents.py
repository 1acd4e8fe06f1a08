"""Monitors an incident whose alerts have ended: pages are resolved, and sent again if an alert fires again.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_responders import page_recipients, page_responders, page_responders_again
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient, backup_of
from receiver.model.base import rfc3339
from receiver.model.incident.event import Destination, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import TAKEN

CYCLES, CYCLES_WITHIN = 3, timedelta(minutes=30)
"""If all alerts end this often within this time, they are flapping."""
NOTIFY_AGAIN = timedelta(minutes=10)
"""Minimum time between two pages to one person for an incident while its alerts flap."""
STILL_FIRING = "still_firing"
"""Reason of the pages that are sent when alerts keep firing after a person reported the incident as mitigated."""


def begin_monitoring(
    draft: Transition,
    policy: Policy,
    reason: str,
    text: str,
    data: Mapping[str, Any] | None = None,
    to: Iterable[Destination] | None = None,
) -> None:
    """Record that no alert is firing, or that a person reported it mitigated (`mitigated` in `data`).

    Unanswered pages are resolved at the vendor, and the escalation clock stops. In the third cycle within half an hour
    the alerts are flapping: the pages stay open and the clock keeps running.
    """
    incident, data = draft.incident, dict(data or {})
    if not data.get("mitigated"):
        edge = draft.now - CYCLES_WITHIN
        ends = [*(at for at in incident.ends if at > edge), draft.now]
        data["ends"] = [rfc3339(at) for at in ends]
        data["flapping"] = incident.flapping or len(ends) >= CYCLES
    if data.get("flapping"):
        text = f"{text}; the alerts are flapping: unanswered pages stay open"
    else:
        data["withdrawn"] = _keys(incident.unanswered)
    everywhere = (*policy.informs, *pagers_of(incident)) if to is None else to
    draft.add(Kind.MONITORING, reason, text, data, everywhere)


def end_monitoring(
    draft: Transition,
    policy: Policy,
    kind: Kind,
    reason: str,
    text: str,
    data: Mapping[str, Any] | None = None,
    *,
    watched: Incident | None = None,
    worse: bool = False,
) -> None:
    """Record that the incident is not over, and send a new page to each person who has not answered.

    The escalation clock continues with the remaining time. A person who has acknowledged keeps the page and is named in
    the message. `watched`: the incident while it was monitored, if `draft` has changed since. `worse`: its severity
    rises too, so pages are sent despite flapping.
    """
    watched = watched or draft.incident
    again = [] if watched.held is not None else _notified_again(watched, draft, worse)
    people = {page.person for page in again}
    fresh = {page.key for page in draft.incident.pages} - {page.key for page in watched.pages}
    stale = [page for page in watched.unanswered if page.person in people or _cleared(page, watched)]
    taker = _taker(watched, policy)
    more = {"withdrawn": [key for key in _keys(stale) if key not in fresh]} | ({"people": [taker]} if taker else {})
    draft.add(kind, reason, text, {**(data or {}), **more}, (*policy.informs, *pagers_of(draft.incident)))
    _call_again(draft, policy, watched, again, "refired" if kind is Kind.REFIRED else reason)


def notify_again(draft: Transition, policy: Policy, text: str) -> None:
    """Record that alerts keep firing although a person reported it mitigated, and page people in a new ring.

    Earlier acknowledgements no longer count: the people who acknowledged believe that the incident is over.
    """
    before = draft.incident
    to = (*policy.informs, *pagers_of(before))
    draft.add(Kind.REFIRED, STILL_FIRING, text, {"ring": before.ring + 1}, to)
    page_responders_again(draft, policy, before, STILL_FIRING)


def _call_again(draft: Transition, policy: Policy, watched: Incident, again: list[Page], step: str) -> None:
    if draft.incident.held is not None:
        return
    wanted = [Recipient(page.contact, (page.person,), backup_of(policy, page.contact, draft.now)) for page in again]
    reached = page_recipients(draft, policy, wanted, step)
    # It became more severe during monitoring, when no one is paged; or no one was paged in this ring at all (it was
    # held, or split off by the person who acknowledged it).
    ours = [page for page in watched.pages if page.ring == watched.ring]
    since, begun = watched.severity_at, watched.monitoring_at
    raised = since is not None and begun is not None and since >= begun and watched.raised > 0
    raised = raised and not any(page.seq > watched.raised for page in ours)
    if raised or not ours or (wanted and not reached):
        page_responders(draft, policy, step, released=not raised and not wanted)


def _notified_again(watched: Incident, draft: Transition, worse: bool) -> list[Page]:
    """Return the newest page of each person who has not answered and will be paged again."""
    waiting = [page for page in watched.pages if page.ring == watched.ring and page.seq > watched.hushed]
    newest = {page.person: page for page in waiting}
    if not watched.flapping:
        open_still = {page.person for page in watched.unanswered if not _cleared(page, watched)}
        return [page for person, page in newest.items() if person not in open_still]
    due = draft.now if worse else draft.now - NOTIFY_AGAIN
    return [page for page in newest.values() if page.at <= due]


def _cleared(page: Page, watched: Incident) -> bool:
    # Sent before monitoring began, and neither withdrawn nor left open on purpose: an earlier release acknowledged it
    # at the vendor, which then notifies no one. No person has answered it.
    return not watched.flapping and watched.monitoring_at is not None and page.at <= watched.monitoring_at


def _taker(watched: Incident, policy: Policy) -> str | None:
    """Return who acknowledged it, by the configured name; None if no one did, or the name is not configured."""
    name = watched.acknowledged_by
    if name is None or watched.resume not in TAKEN:
        return None
    return policy.person_called(name)


def _keys(pages: Iterable[Page]) -> list[str]:
    return list(dict.fromkeys(page.key for page in pages))
