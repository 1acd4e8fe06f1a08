"""The log of an incident: an event is added, and the state follows from it and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from receiver.model.event import Actor, Destination, Event, Kind
from receiver.model.incident import Incident, Page, State
from receiver.model.severity import Decision

COUNTED = ("firing", "resolved", "left", "names", "partial", "keys")
"""Fields that any event may carry anew in its data: how many alerts, their names, which groups are cut."""


def apply(incident: Incident | None, event: Event) -> Incident:
    """Return the state after `event`. Folding this over a log gives the snapshot that is stored beside it."""
    if incident is None:
        incident = Incident.model_validate(event.data["incident"])
    change: dict[str, Any] = {"seq": event.seq}
    for name in COUNTED:
        if name in event.data:
            value = event.data[name]
            change[name] = tuple(value) if isinstance(value, list | tuple) else value
    change |= _moved(incident, event)
    return incident.model_copy(update=change)


def _moved(incident: Incident, event: Event) -> dict[str, Any]:
    match event.kind:
        case Kind.SEVERITY_RAISED:
            decision = Decision.model_validate(event.data["decision"])
            return {"severity": decision.severity, "decision": decision}
        case Kind.PAGE | Kind.EMERGENCY_PAGED:
            return {"pages": (*incident.pages, Page.model_validate(event.data["page"]))}
        case Kind.NOTIFY:
            return {"notified": (*incident.notified, *event.data["people"])}
        case Kind.MONITORING:
            return {"state": State.MONITORING, "resume": incident.state, "monitoring_at": event.at}
        case Kind.REFIRED:
            return {"state": incident.resume or State.OPEN, "resume": None, "monitoring_at": None, "proposed": False}
        case Kind.RESOLUTION_PROPOSED:
            return {"proposed": True}
        case Kind.RESOLVED:
            return {"state": State.RESOLVED, "resume": None, "resolved_at": event.at}
        case Kind.REOPENED:
            return {
                "state": State.OPEN,
                "resume": None,
                "monitoring_at": None,
                "resolved_at": None,
                "acknowledged_at": None,
                "identified_at": None,
                "mitigated_at": None,
                "closed_at": None,
                "ring": incident.ring + 1,
                "reopened": incident.reopened + 1,
                "notified": (),
                "proposed": False,
            }
        case _:
            return {}


def replay(events: Iterable[Event]) -> Incident | None:
    """Return the state that a whole log leads to; None for an empty one."""
    incident: Incident | None = None
    for event in events:
        incident = apply(incident, event)
    return incident


class Draft:
    """Events of one decision, and the state as it becomes with each."""

    def __init__(self, incident: Incident | None, actor: Actor, now: datetime) -> None:
        """`incident` is the state that is known; None when one is being opened."""
        self._incident = incident
        self.actor = actor
        self.now = now
        self.events: list[Event] = []

    @property
    def incident(self) -> Incident:
        """The state as the events so far leave it."""
        if self._incident is None:
            raise LookupError("the first event of an incident opens it")
        return self._incident

    def add(
        self, kind: Kind, reason: str, text: str, data: dict[str, Any] | None = None, to: Iterable[Destination] = ()
    ) -> None:
        """Write the next line of the log."""
        event = Event(
            seq=(self._incident.seq if self._incident else 0) + 1,
            at=self.now,
            kind=kind,
            actor=self.actor,
            reason=reason,
            text=text,
            data=data or {},
            to=tuple(to),
        )
        self._incident = apply(self._incident, event)
        self.events.append(event)
