"""The next escalation step of an incident while the store is unavailable, and how it is recorded afterwards. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.escalation_steps import escalate, on_response_missed, response_due, step_due
from receiver.incident.paging.page_responders import adopt_pages
from receiver.incident.paging.policy import Policy
from receiver.incident.store_outage.emergency_pages import PAGED
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State

AWAY = "the incident store is unavailable"
NOTE = f"no one has acknowledged ({AWAY})"
"""The text that a page of such a step has before the title of the incident."""


def next_step(incident: Incident, policy: Policy, now: datetime) -> Transition | None:
    """Return the events of the one escalation that is allowed without the store; None if none is due.

    It is a step of the escalation or the backup of a contact that has not answered, whichever is due first, and it
    pages at least one person. Only unacknowledged SEV-1 and SEV-2 incidents are escalated, and no drills.
    """
    if incident.severity not in PAGED or incident.drill or incident.calling_state is not State.OPEN:
        return None
    ways: list[tuple[datetime, str, Callable[[Transition, Policy], None]]] = []
    if (at := step_due(incident, policy)) is not None:
        ways.append((at, "escalate", lambda draft, policy: escalate(draft, policy, once=True)))
    if (at := response_due(incident)) is not None:
        ways.append((at, "answer", on_response_missed))
    for at, name, act in sorted(ways, key=lambda way: way[0]):
        if at > now:
            break
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=name), now)
        act(draft, policy)
        if pages_of(draft.events):
            first = draft.events[0]
            draft.events[0] = first.model_copy(update={"text": f"{first.text}; {AWAY}"})
            return draft
    return None


def pages_of(events: Iterable[Event]) -> tuple[Page, ...]:
    """Return the pages that `events` create."""
    return tuple(Page.model_validate(event.data["page"]) for event in events if event.kind is Kind.PAGE)


def record_pages(incident: Incident, pages: Iterable[Page], now: datetime) -> Transition:
    """Return the events that record pages sent without the store, for an incident that has changed meanwhile.

    Pages that the incident already has are left out. If a person has acknowledged, or no one is to be paged anymore,
    each page is withdrawn or resolved again, so that it ends at the vendor even if it was sent after its resolve.
    """
    draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="emergency"), now)
    pages = tuple(pages)
    calls = incident.calling_state is State.OPEN and incident.held is None
    calls = calls and all(page.ring == incident.ring for page in pages)
    if not calls:
        pages = tuple(page.model_copy(update={"withdrawn": True}) for page in pages)
    adopt_pages(draft, pages, again=not calls)
    return draft
