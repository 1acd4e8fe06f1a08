"""Reminders of action items, and of finished ones that did not prevent a recurrence. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import email_destinations
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import ActionItem, ActionStatus

MORNING = time(9)
"""The time of day of a reminder."""
AGAIN = timedelta(days=7)
"""Time between two reminders of one item."""
MOST = 10
"""Maximum number of items that are copied from one incident to the next."""


def action_items_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the owner of an open item is next reminded: on the due day, then each week; None: never."""
    if incident.drill or incident.merged:
        return None
    return min((due for item in incident.actions if (due := _due(item, policy.zone)) is not None), default=None)


def remind_owners(draft: Transition, policy: Policy) -> None:
    """Remind the owners of all due items."""
    items = [item for item in draft.incident.actions if (due := _due(item, policy.zone)) and due <= draft.now]
    if not items:
        return
    text = "; ".join(f"action {item.n} ({item.owner}) was due on {item.due}: {item.title}" for item in items)
    people = list(dict.fromkeys(item.owner for item in items))
    data = {"actions": [item.n for item in items], "people": people}
    draft.add(Kind.ACTION_DUE, "due", text, data, (*policy.informs, *email_destinations(policy, people)))


def recurrence(
    before: Incident | None, key: str, alerts: Collection[str] = (), known: Collection[str] = ()
) -> dict[str, Any]:
    """Return what a new incident of `key` copies from the one `before` it, or that was merged into it.

    `alerts`, `known`: names of its alerts, and of those of the one before; where none is the same, another thing has
    happened to the same group.
    """
    if before is None or (alerts and not set(alerts) & {*known, before.labels.get("alertname")}):
        return {}
    if key not in (before.key, *before.keys) or before.drill:
        return {}
    done = [
        f"{before.label} action {item.n}: {item.title} ({item.owner}, done {item.done_at:%Y-%m-%d})"
        for item in before.actions
        if item.status is ActionStatus.DONE and item.done_at
    ]
    return {"previous": before.label, "recurs": (*before.recurs, *done)[-MOST:]}


def report_recurrence(draft: Transition, policy: Policy) -> None:
    """Record that the incident recurred although action items were done."""
    incident = draft.incident
    if not incident.recurs:
        return
    text = f"it has happened before ({incident.previous}), although this was done: {'; '.join(incident.recurs)}"
    data = {"previous": incident.previous, "actions": list(incident.recurs)}
    draft.add(Kind.RECURRED, "recurred", text, data, policy.informs)


def _due(item: ActionItem, zone: str) -> datetime | None:
    if item.status is not ActionStatus.OPEN or item.due is None:
        return None
    first = datetime.combine(item.due, MORNING, ZoneInfo(zone))
    # A postponed due day restarts the reminders.
    return first if item.reminded_at is None or item.reminded_at < first else item.reminded_at + AGAIN
