"""Hours in which a severity pages. Outside them, a page waits for the next page hours. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.business_hours import next_opening
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import SeverityPlan

PAGE_HOURS = "page hours: "
"""Prefix of `held` for an incident whose pages wait; the time until which they wait follows."""


def queued_until(incident: Incident) -> datetime | None:
    """Return until when the pages of an incident wait; None if they do not wait for page hours."""
    return incident.held_until if (incident.held or "").startswith(PAGE_HOURS) else None


def pages_wait_until(called: SeverityPlan, now: datetime) -> datetime | None:
    """Return when people may next be paged by the settings of a severity; None: now."""
    hours = called.page_hours
    return next_opening(now, hours, hours.zone) if hours is not None else None


def within_page_hours(called: SeverityPlan, due: datetime | None) -> datetime | None:
    """Return `due`, or the beginning of the next page hours if it is outside them."""
    return (pages_wait_until(called, due) or due) if due is not None else None


def queue_pages(draft: Transition, policy: Policy) -> bool:
    """Let the pages of an incident wait for the page hours of its severity, and return whether they wait.

    If they waited for the page hours of an earlier severity, they are released.
    """
    incident, called = draft.incident, policy.called(draft.incident)
    until, known = pages_wait_until(called, draft.now), queued_until(draft.incident)
    if until is None:
        if known is not None:
            text = f"{incident.severity} does not wait for page hours now"
            draft.add(Kind.PAGE_HOURS_BEGAN, "severity", text, to=policy.informs)
        return False
    if known is None or to_ms(known) != to_ms(until):
        hours = called.page_hours
        wall = until.astimezone(ZoneInfo(hours.zone)) if hours else until
        zone = f" {hours.zone}" if hours else ""
        text = f"pages wait until {wall:%a %Y-%m-%d %H:%M}{zone}: {incident.severity} pages only during its page hours"
        data = {"held": f"{PAGE_HOURS}{rfc3339(until)}", "until": rfc3339(until)}
        draft.add(Kind.PAGE_QUEUED, "page_hours", text, data, policy.informs)
    return True
