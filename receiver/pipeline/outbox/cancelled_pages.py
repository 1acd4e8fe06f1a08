"""Why a page was not sent: every page of a log ends, and a superseded one has the reason in its receipt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Action, Notice
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.store.due.leased_row import LeasedRow

CANCELLED = "cancelled"
"""The outcome in the receipt of a page that was never sent, and the field with the reason."""


def page_of(row: LeasedRow, incident: Incident) -> Page | None:
    """Return the page of `row`; None if the incident does not have it."""
    return next((p for p in incident.pages if (p.key, p.channel) == (row.to.address, row.to.channel)), None)


def cancelled_because(row: LeasedRow, incident: Incident | None) -> str | None:
    """Return in one word why the page of `row` is not sent; None if it was accepted, or `row` is not a page.

    `incident_gone`, `incident_over`, `alerts_ended`, `replaced` by a newer page, `acknowledged`, `severity_lowered`.
    A replica that died may have sent it nevertheless, so its resolve is sent to be safe.
    """
    if not row.to.paging or row.memory.get("rung") or row.memory.get("sent") == Action.TRIGGER:
        return None
    if incident is None:
        return "incident_gone"
    page = page_of(row, incident)
    if page is None or page.ring != incident.ring:
        return "replaced"
    if incident.state.over:
        return "incident_over"
    if page.withdrawn:
        newer = any(one.person == page.person and one.seq > page.seq and not one.withdrawn for one in incident.pages)
        return "replaced" if newer else "alerts_ended"
    if page.seq < incident.hushed:
        return "acknowledged"
    if incident.calling_state is State.MONITORING:
        return "alerts_ended"
    return "severity_lowered" if not page.called_for(incident.called) else None


def cancellation(row: LeasedRow, incident: Incident | None, reason: str, now: datetime) -> dict[str, Any]:
    """Return the receipt of a page that is not sent because of `reason`."""
    page = page_of(row, incident) if incident is not None else None
    return {
        "at": rfc3339(now),
        "channel": row.to.channel,
        "to": page.person if page else None,
        "action": Action.TRIGGER,
        "outcome": CANCELLED,
        CANCELLED: reason,
        "attempts": row.attempts,
        "seq": row.last,
        **({"page": page.seq} if page else {}),
    }


def number_of(notice: Notice | None) -> int | None:
    """Return the sequence number of the event that created the page of `notice`; None if there is none."""
    if notice is None or notice.page is None or notice.incident is None:
        return None
    return next((page.seq for page in notice.incident.pages if page.key == notice.page.key), None)


def said_before(memory: Mapping[str, Any]) -> bool:
    """Return whether a receipt already records that the page was canceled."""
    return CANCELLED in memory
