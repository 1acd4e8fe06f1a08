"""Incidents that waited for page hours: who is paged when they begin, and the list of those incidents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_hours import pages_wait_until, queue_pages, queued_until
from receiver.incident.paging.page_responders import page_recipients, page_responders
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State

STEP = "page_hours"
"""The step of pages at the beginning of page hours."""
LISTED = 20
"""Incidents that the list names; the others are counted."""


def page_hours_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the queued pages of an incident may be sent; None if none are queued."""
    return queued_until(incident) if not incident.state.over else None


def page_queued(draft: Transition, policy: Policy) -> None:
    """Page the contacts of an incident whose page hours have begun, unless it has ended or is acknowledged."""
    if not begin_page_hours(draft, policy):
        return
    page_responders(draft, policy, STEP, released=True)
    # People who had not answered when the alerts ended are paged again, as during page hours.
    incident = draft.incident
    ours = [page for page in incident.pages if page.ring == incident.ring]
    notified = {page.person for page in ours if not page.withdrawn}
    waiting = {page.person: page for page in ours if page.withdrawn and page.seq > incident.hushed}
    wanted = [Recipient(page.contact, (person,)) for person, page in waiting.items() if person not in notified]
    page_recipients(draft, policy, wanted, STEP)


def begin_page_hours(draft: Transition, policy: Policy) -> bool:
    """Record that page hours have begun, and return whether people are to be paged now."""
    incident = draft.incident
    if queued_until(incident) is None:
        return False
    if pages_wait_until(policy.called(incident), draft.now) is not None:
        queue_pages(draft, policy)
        return False
    still = f"{incident.firing} alerts are still firing" if incident.firing else "no alert is firing anymore"
    draft.add(Kind.PAGE_HOURS_BEGAN, STEP, f"page hours have begun: {still}", to=policy.informs)
    return bool(incident.firing or incident.declared or incident.storm) and incident.state is not State.MONITORING


def queued_list(waited: Sequence[IncidentSummary], titled: bool = True) -> str:
    """Return the message that lists the incidents that waited, the most severe first; `titled`: with their titles."""
    count = len(waited)
    lines = [f"{count} incident{'s' if count != 1 else ''} waited for page hours, which begin now:"]
    ordered = sorted(waited, key=lambda one: (one.severity.rank, one.opened_ms, one.uid))
    for one in ordered[:LISTED]:
        title = f" {one.title}" if titled else ""
        lines.append(f"{one.id} {one.severity} {one.state}{title}")
    if count > LISTED:
        lines.append(f"and {count - LISTED} more")
    return "\n".join(lines)
