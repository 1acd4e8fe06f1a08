"""Who would be paged when, if no one answered: runs the timers of an incident ahead of time. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from receiver.incident.paging.policy import Policy
from receiver.incident.timers import PAGE_HOURS, on_timer, timers
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import ContactMethod

CALLS = (PAGE_HOURS, "escalate", "answer", "personal")
"""The timers that page people while no one answers."""
HORIZON = timedelta(days=7)
MOST = 200
"""Maximum number of steps in a forecast."""


class Call(NamedTuple):
    """A person who would be paged or notified."""

    minute: float
    """Minutes after the opening."""
    way: ContactMethod
    contact: str | None
    """None for a person who is only notified."""
    person: str
    step: str
    channel: str | None = None


def forecast(incident: Incident, events: tuple[Event, ...], policy: Policy) -> list[Call]:
    """Return the people whom the incident would page or notify if no one answered, in chronological order.

    `events` are those of its opening. It assumes no acknowledgement, no resolution, and no change of the configuration.
    """
    calls = _calls(events, incident.opened_at)
    now = incident.opened_at
    for _ in range(MOST):
        due = {name: at for name, at in timers(incident, policy).items() if name in CALLS and at is not None}
        if not due:
            break
        name = min(due, key=lambda key: (due[key], CALLS.index(key)))
        now = max(now, due[name])
        if now - incident.opened_at > HORIZON:
            break
        draft = on_timer(name, incident, policy, now)
        if draft is None:
            break
        calls += _calls(tuple(draft.events), incident.opened_at)
        incident = draft.incident
    return calls


def _calls(events: tuple[Event, ...], opened: datetime) -> list[Call]:
    found = []
    for event in events:
        minute = (event.at - opened).total_seconds() / 60
        if event.kind is Kind.PAGE:
            page = Page.model_validate(event.data["page"])
            found.append(Call(minute, ContactMethod.PAGE, page.contact, page.person, event.reason, page.channel))
        elif event.kind is Kind.NOTIFY:
            found += [Call(minute, ContactMethod.NOTIFY, None, person, event.reason) for person in event.data["people"]]
    return found
