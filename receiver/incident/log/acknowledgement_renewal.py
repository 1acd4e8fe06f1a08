"""How long an acknowledgement lasts, and how work on the incident renews it. Pure.

Its length is `acknowledged_for` of the severity. Incidents store it as `lease`, the name of the first release.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from receiver.model.incident.event import ActorKind, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import TAKEN

PEOPLE = (ActorKind.PERSON, ActorKind.SLACK, ActorKind.PAGERDUTY, ActorKind.API)
"""Actors that are people: their events count as work on the incident."""


def renewed_acknowledgement(after: Incident, event: Event) -> dict[str, Any]:
    """Return the changed time at which the acknowledgement expires; empty if `event` does not change it.

    Any work of a person renews it. Automatic events do not; but monitoring has no such time, and a more severe severity
    has a shorter one.
    """
    called = after.called if after.state in TAKEN else None
    if called is None or called.lease is None:
        return {"acknowledged_until": None} if after.acknowledged_until is not None else {}
    until, fresh = after.acknowledged_until, event.at + timedelta(seconds=called.lease)
    return {} if event.actor.kind not in PEOPLE and until and until <= fresh else {"acknowledged_until": fresh}
