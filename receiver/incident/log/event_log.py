"""The event log of an incident: the state is derived from its events and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from receiver.incident.log.acknowledgement_renewal import PEOPLE, renewed_acknowledgement
from receiver.incident.log.event_recipients import followers
from receiver.incident.log.reducers import EFFECTS
from receiver.model.incident.event import Actor, Destination, Event, Kind
from receiver.model.incident.incident import DECISION, Incident, opened_incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import NotifiedContact, Plan
from receiver.model.incident.state import TAKEN
from receiver.model.incident.stored_incident_json import incident_json
from receiver.model.severity import Severity

PLAN = "plan"
"""The field that only a change of team changes. It is half of a snapshot, so the first line of a log leaves it out."""
COUNTED = ("firing", "resolved", "left", "names", "partial", "keys", "worst")
"""Fields that any event may update in its data: the number of alerts, their names, and which groups are truncated."""


def apply_event(incident: Incident | None, event: Event, opening: Incident | None = None) -> Incident:
    """Return the state after `event`. Folding this over a log gives the snapshot that is stored with it.

    `opening`: the incident in the first event of a log, if the caller has already parsed it.
    """
    if incident is None:
        incident = opening or opened_incident(event.data)
    change = _carried(incident, event)
    effect = EFFECTS.get(event.kind)
    if effect is not None:
        change |= effect(incident, event)
    after = incident.model_copy(update=change)
    change = _calm(incident, after, event) | renewed_acknowledgement(after, event) | _joined(after, event)
    return after.model_copy(update=change) if change else after


def _carried(incident: Incident, event: Event) -> dict[str, Any]:
    """Return what the data of `event` changes regardless of its kind."""
    change: dict[str, Any] = {"seq": event.seq}
    for name in COUNTED:
        if name in event.data:
            value = event.data[name]
            change[name] = tuple(value) if isinstance(value, list | tuple) else value
    if change.get("worst"):
        change["worst"] = Severity(change["worst"])
    if "reached" in event.data:
        fresh = (
            NotifiedContact.model_validate(item).model_copy(update={"seq": event.seq}) for item in event.data["reached"]
        )
        change["reached"] = (*incident.reached, *fresh)
    if "joining" in event.data:
        change["joining"] = tuple(event.data["joining"])
    if "foreign" in event.data:
        change["foreign"] = (*incident.foreign, event.data["foreign"])
    for name in ("joined_at", "answer_by"):
        if name in event.data:
            change[name] = datetime.fromisoformat(event.data[name])
    if event.data.get("withdrawn"):
        change["pages"] = _withdrawn(incident, event.data["withdrawn"])
    return change


def _withdrawn(incident: Incident, keys: Iterable[str]) -> tuple[Page, ...]:
    named = set(keys)
    return tuple(page.model_copy(update={"withdrawn": True}) if page.key in named else page for page in incident.pages)


def _calm(before: Incident, after: Incident, event: Event) -> dict[str, Any]:
    # If all alerts are less severe than the incident, the clock for a proposal starts; otherwise it stops.
    milder = after.worst is not None and after.firing > 0 and after.severity.worse_than(after.worst)
    if not milder or after.by_hand or after.state.over:
        return {"calm_since": None, "milder": None} if after.calm_since is not None else {}
    if after.calm_since is None or after.worst is not before.worst:
        return {"calm_since": event.at, "milder": None}
    return {}


def _joined(after: Incident, event: Event) -> dict[str, Any]:
    # Any action by a person answers the page for new alerts; without an acknowledgement, nothing can expire.
    answered = event.actor.kind in PEOPLE or after.state not in TAKEN
    change: dict[str, Any] = {"answer_by": None} if answered and after.answer_by is not None else {}
    return change | ({"joining": ()} if after.state not in TAKEN and after.joining else {})


def replay_events(events: Iterable[Event], plan: Plan | None = None) -> Incident | None:
    """Return the state that results from a whole log; None if it is empty.

    `plan`: the plan of the snapshot stored with the log. Logs of earlier releases contain it themselves.
    """
    incident: Incident | None = None
    events = tuple(events)
    # Only a change of team brings another plan; the first such event has the plan before it.
    moved = next((event for event in events if event.kind is Kind.TEAM_CHANGED), None)
    if moved is not None:
        plan = Plan.model_validate(moved.data["plan_before"])
    for event in events:
        opening = None
        if incident is None and plan is not None and PLAN not in event.data.get("incident", (PLAN,)):
            opening = opened_incident(event.data).model_copy(update={PLAN: plan})
        incident = apply_event(incident, event, opening)
    return incident


class Transition:
    """The events of one decision, and the state after each."""

    def __init__(self, incident: Incident | None, actor: Actor, now: datetime, origin: str | None = None) -> None:
        """`incident`: the known state; None while an incident is being opened.

        `origin`: the channel that the decision came from; its ticket is not updated again.
        """
        self._incident = incident
        self.actor = actor
        self.now = now
        self.origin = origin
        self.events: list[Event] = []

    @property
    def incident(self) -> Incident:
        """The state after the events so far."""
        if self._incident is None:
            raise LookupError("the first event of an incident opens it")
        return self._incident

    def open(
        self, incident: Incident, reason: str, text: str, data: Mapping[str, Any], to: Iterable[Destination] = ()
    ) -> None:
        """Write the first line of the log: the opened incident without its empty fields and its plan.

        The decision is stored in the event, and not a second time in the incident.
        """
        leave = (PLAN,) if DECISION in data else (PLAN, DECISION)
        shown, decision = orjson.loads(incident_json(incident, leave)), incident.decision.model_dump(mode="json")
        whole = {"incident": shown, DECISION: decision, **data}
        self.add(Kind.OPENED, reason, text, whole, to, opening=incident)

    def add(
        self,
        kind: Kind,
        reason: str,
        text: str,
        data: dict[str, Any] | None = None,
        to: Iterable[Destination] = (),
        *,
        opening: Incident | None = None,
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
        self._incident = apply_event(self._incident, event, opening)
        more = followers(self._incident, event, self.origin)
        self.events.append(event.model_copy(update={"to": (*event.to, *more)}) if more else event)
