"""Who would be called when, if nobody answered: the timers of an incident run ahead, with nothing written. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from receiver.incident.paging.recipients import Policy
from receiver.incident.timers import on_timer, timers
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident, Page
from receiver.model.incident.policy_snapshot import ContactMethod

CALLS = ("escalate", "answer", "personal")
"""The timers that call people while nobody answers."""
HORIZON = timedelta(days=7)
MOST = 200
"""Steps that are looked ahead at most."""


class Call(NamedTuple):
    """Somebody who would be called."""

    minute: float
    """After the opening."""
    way: ContactMethod
    contact: str | None
    """None for somebody who is only told."""
    person: str
    step: str
    channel: str | None = None


def forecast(incident: Incident, events: tuple[Event, ...], policy: Policy) -> list[Call]:
    """Return everybody whom the incident would call if nobody answered, in the order of time.

    `events` are those of its opening. Nobody's acknowledgement, no resolution, no change of the configuration.
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
