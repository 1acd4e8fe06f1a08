"""An incident that was unreadable for a while, and the incident that was opened in its place. Pure.

After a release is rolled back, its incidents may be unreadable, and notifications for them open new incidents. When
they are readable again, the newer incident keeps the alerts that both have, so that only one of them pages people.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from receiver.incident.log.alert_membership import counts
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.paging.policy import Policy
from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import ADOPTED
from receiver.model.incident.state import State

SUPERSEDED = "superseded"
"""Name of the timer, and the reason that a superseded incident ends."""
ACTOR = Actor(kind=ActorKind.TIMER, name=SUPERSEDED)


def take_over_pages(heir: Incident, incident: Incident, now: datetime) -> Transition:
    """Return how `heir` takes over the unanswered pages of `incident`: they stay open.

    If `heir` is over, monitored or held, it pages no one: then the pages end with `incident`.
    """
    draft = Transition(heir, ACTOR, now)
    if heir.state in (State.MONITORING, State.RESOLVED, State.CLOSED) or heir.held is not None or incident.state.over:
        return draft
    known = {page.key for page in heir.pages}
    for page in incident.unanswered:
        if page.key not in known:
            text = f"{page.person} was paged for {incident.id} and has not answered yet"
            taken = page.model_copy(update={"ring": heir.ring, "step": ADOPTED})
            data = {"page": taken.model_dump(mode="json")}
            draft.add(Kind.PAGE_ADOPTED, SUPERSEDED, text, data, (page_destination(page),))
    return draft


def end_superseded(
    incident: Incident,
    heir: Incident,
    records: Mapping[str, AlertRecord],
    theirs: Mapping[str, AlertRecord],
    policy: Policy,
    now: datetime,
) -> IntakeDecision:
    """Return how `incident` gives up the alerts that `heir` has too, and ends if none of its other alerts fires.

    `records` and `theirs`: the alerts of `incident` and of `heir`. A page that both have belongs to `heir`.
    """
    at_ms = to_ms(now)
    left = {
        name: one._replace(firing=False, ends_ms=at_ms, seen_ms=at_ms)
        for name, one in records.items()
        if one.firing and name in theirs
    }
    after = {**records, **left}
    draft = Transition(incident, ACTOR, now)
    text = f"{heir.id} was opened while it could not be read"
    if left:
        said = f"{text}, and has {len(left)} of its alerts"
        draft.add(Kind.UPDATED, SUPERSEDED, said, counts(incident, after), policy.informs)
    if not any(record.firing for record in after.values()):
        kept = {page.key for page in heir.pages}
        ended = tuple(page_destination(page) for page in incident.pages if page.key not in kept)
        draft.add(Kind.RESOLVED, SUPERSEDED, text, to=(*policy.informs, *ended))
    return IntakeDecision(Outcome.UPDATED, SUPERSEDED, draft.incident, draft.events, records=left, freed=list(left))
