"""Merges two incidents: the child ends, and its alerts and keys move to the parent. Pure.

The child's commit redirects its keys and the owners of its alerts to the parent at once. The parent takes over the
alerts in a commit of its own, which a timer of the child repeats until it succeeds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from receiver.incident.alerts.alert_storm import release_from_storm
from receiver.incident.alerts.maintenance_hold import hold_for_maintenance, release_from_maintenance
from receiver.incident.alerts.monitored_incidents import end_monitoring
from receiver.incident.log.alert_membership import counts
from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.planned_pages import page_destination, pagers_of
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.status_updates import inherited
from receiver.model.alert.alert import Alert
from receiver.model.base import from_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import ADOPTED, Page
from receiver.model.incident.policy_snapshot import ContactMethod
from receiver.model.incident.state import State


def merge_incident(
    child: Incident,
    parent: Incident,
    owners: Mapping[str, str],
    policy: Policy,
    actor: Actor,
    now: datetime,
) -> IntakeDecision | None:
    """Return the end of `child`, or None when it was merged into `parent` before. Raises IllegalCommand.

    `owners`: the incident that owns each of its firing alerts; "" if none.
    """
    if child.uid == parent.uid:
        raise IllegalCommand(child, "merge", "an incident cannot be merged into itself")
    if child.merged and child.parent == parent.uid:
        return None
    _check_merge(child, parent)
    draft = Transition(child, actor, now)
    handed = {page.key for page in _handed(child, parent)}
    # Readers of the child may not see a private parent, so its id is left out.
    hidden = parent.private and not child.private
    data = {"into": parent.uid, "id": "" if hidden else parent.id, "by": actor.name, "handed": sorted(handed)}
    text = f"merged into {'a private incident' if hidden else parent.id} by {actor.name}"
    ended = tuple(page_destination(page) for page in child.pages if page.key not in handed)
    draft.add(Kind.MERGED, "merged", text, data, (*policy.informs, *ended))
    return IntakeDecision(
        Outcome.UPDATED,
        "merged",
        draft.incident,
        draft.events,
        # An alert that belongs to another incident (often the parent) stays there.
        owners={name: owner for name, owner in owners.items() if owner in ("", child.uid)},
        pointers=dict.fromkeys(child.keys, child.uid),
    )


def _check_merge(child: Incident, parent: Incident) -> None:
    if child.state.over:
        raise IllegalCommand(child, "merge", f"it is {child.state}")
    if parent.state.over:
        raise IllegalCommand(parent, "merge into", f"it is {parent.state}: reopen it first", ("reopen",))
    if child.storm or parent.storm:
        raise IllegalCommand(child, "merge", "a storm cannot be merged")
    if child.drill is not parent.drill:
        drill = child if child.drill else parent
        raise IllegalCommand(child, "merge", f"{drill.label} is a drill, and the other one is not")
    if child.private and not parent.private:
        raise IllegalCommand(child, "merge", f"it is private, and {parent.label} is not")


def _handed(child: Incident, parent: Incident) -> list[Page]:
    # An unanswered page of the child becomes the parent's, so that its person is not paged twice. It ends if the parent
    # has paged for the same severity already.
    if child.state is not State.OPEN or child.held is not None:
        return []
    worse = child.severity.worse_than(parent.severity) and not parent.by_hand
    if not (worse or parent.held is not None or parent.state is State.MONITORING):
        return []
    return list(child.unanswered)


def _adopt_pages(draft: Transition, child: Incident) -> None:
    ring = draft.incident.ring
    waited = {
        reach.contact for reach in draft.incident.reached if reach.way is ContactMethod.PAGE and reach.ring == ring
    }
    for page in child.handed:
        data: dict[str, Any] = {"page": page.model_copy(update={"ring": ring, "step": ADOPTED}).model_dump(mode="json")}
        due = [
            reach.model_copy(update={"ring": ring}).model_dump(mode="json", exclude={"seq"})
            for reach in child.reached
            if reach.contact == page.contact
            and reach.way is ContactMethod.PAGE
            and reach.due
            and reach.contact not in waited
        ]
        waited.add(page.contact)
        text = f"{page.person} was paged for {child.id} and has not answered yet"
        # The vendor deduplicates a second trigger of the same key, and accepts one that was never sent.
        draft.add(
            Kind.PAGE_ADOPTED, "merged", text, data | ({"reached": due[-1:]} if due else {}), (page_destination(page),)
        )


def absorb_incident(
    parent: Incident,
    child: Incident,
    records: Mapping[str, AlertRecord],
    theirs: Mapping[str, AlertRecord],
    bodies: Mapping[str, Mapping[str, Any]],
    policy: Policy,
    now: datetime,
    lost: Collection[str] = (),
) -> IntakeDecision:
    """Return how `parent` takes over the alerts of `child`, and its severity if it is worse.

    `records` and `theirs`: the alerts of each. `lost`: keys of a resolved parent that now belong to another, open
    incident.
    """
    fresh = _fresh(records, theirs)
    draft = Transition(parent, Actor(kind=ActorKind.TIMER, name="merge"), now)
    keys = [key for key in dict.fromkeys((*parent.keys, *child.keys)) if key not in lost]
    data = counts(parent, {**records, **fresh}) | {"keys": keys, "child": child.uid, "id": child.id}
    data["parts"] = list(inherited(child, policy))
    text = f"{child.id} was merged into it with {len(fresh)} alerts"
    draft.add(Kind.ABSORBED, "merged", text, data, policy.informs)
    firing = [bodies.get(name, {}).get("labels", {}) for name, record in fresh.items() if record.firing]
    _continue_response(draft, parent, child, policy, firing)
    if child.severity.worse_than(parent.severity) and not parent.by_hand and not draft.incident.state.over:
        _raise_severity(draft, parent, child, policy)
    elif firing and parent.state.over:
        page_responders(draft, policy, "reopened")
    # Alerts that paged people before the merge continue to do so.
    if firing and child.held is None:
        release_from_maintenance(draft, policy, firing)
        release_from_storm(draft, policy, "merged")
    return IntakeDecision(
        Outcome.UPDATED,
        "merged",
        draft.incident,
        draft.events,
        records=fresh,
        bodies={name: _alert(name, fresh[name], bodies[name]) for name in fresh if name in bodies},
    )


def _fresh(records: Mapping[str, AlertRecord], theirs: Mapping[str, AlertRecord]) -> dict[str, AlertRecord]:
    # An alert of both fires as long as it fires in one of them.
    return {
        name: record
        for name, record in theirs.items()
        if name not in records or (record.firing and not records[name].firing)
    }


def _continue_response(
    draft: Transition, parent: Incident, child: Incident, policy: Policy, firing: Sequence[Mapping[str, str]]
) -> None:
    # `firing`: the labels of the child's firing alerts.
    text = f"{len(firing)} alerts of {child.id} are firing: it is not over"
    if firing and parent.state.over:
        # It ended before it had these alerts, so no one has confirmed that they are over.
        draft.add(Kind.REOPENED, "merged", text, to=(*policy.informs, *pagers_of(parent)))
        if child.held is not None:
            hold_for_maintenance(draft, policy, firing)
    _adopt_pages(draft, child)
    if firing and parent.state is State.MONITORING:
        end_monitoring(draft, policy, Kind.REFIRED, "merged", text, watched=parent)


def _raise_severity(draft: Transition, parent: Incident, child: Incident, policy: Policy) -> None:
    reasons = (f"as severe as {child.id} by {child.decision.rule}", *child.decision.reasons)
    decision = child.decision.model_copy(update={"severity": child.severity, "rule": "merge", "reasons": reasons})
    text = f"severity raised from {parent.severity} to {child.severity} by the merge"
    to = (*policy.informs, *pagers_of(parent))
    draft.add(Kind.SEVERITY_RAISED, "merged", text, {"decision": decision.model_dump(mode="json")}, to)
    if child.held is None:
        release_from_storm(draft, policy, "severity_raised")
    page_responders(draft, policy, "severity_raised")


def _alert(name: str, record: AlertRecord, body: Mapping[str, Any]) -> Alert:
    return Alert.model_validate(
        {
            "status": "firing" if record.firing else "resolved",
            "labels": body.get("labels", {}),
            "annotations": body.get("annotations", {}),
            "starts_at": from_ms(record.starts_ms),
            "generator_url": body.get("generator_url", ""),
            "fingerprint": name,
        }
    )
