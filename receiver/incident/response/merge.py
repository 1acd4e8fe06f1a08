"""Two incidents that are one: the child ends, its alerts and keys go to the parent. Pure.

The child's commit lets its keys and the owners of its alerts lead to the parent at once; the parent takes the alerts
over in a commit of its own, which a timer of the child repeats until it is done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
from receiver.incident.paging.recipients import Policy, page_destination, pagers_of
from receiver.incident.publication.status_updates import inherited
from receiver.model.alert.alert import Alert
from receiver.model.base import from_ms
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import ADOPTED, AlertRecord, Incident, Page, State
from receiver.model.incident.policy_snapshot import ContactMethod


def merge_incident(
    child: Incident,
    parent: Incident,
    owners: Mapping[str, str],
    policy: Policy,
    actor: Actor,
    now: datetime,
) -> IntakeDecision | None:
    """Return the end of `child`, or None when it was merged into `parent` before. Raises Illegal.

    `owners`: who holds each of its firing alerts, "" for nobody.
    """
    if child.uid == parent.uid:
        raise IllegalCommand(child, "merge", "an incident cannot be merged into itself")
    if child.merged and child.parent == parent.uid:
        return None
    if child.state.over:
        raise IllegalCommand(child, "merge", f"it is {child.state}")
    if parent.state.over:
        raise IllegalCommand(parent, "merge into", f"it is {parent.state}: reopen it first", ("reopen",))
    if child.storm or parent.storm:
        raise IllegalCommand(child, "merge", "a storm is not merged")
    if child.drill is not parent.drill:
        drill = child if child.drill else parent
        raise IllegalCommand(child, "merge", f"{drill.label} is a drill, and the other one is not")
    draft = Transition(child, actor, now)
    handed = {page.key for page in _handed(child, parent)}
    data = {"into": parent.uid, "id": parent.id, "by": actor.name, "handed": sorted(handed)}
    text = f"merged into {parent.id} by {actor.name}"
    ended = tuple(page_destination(page) for page in child.pages if page.key not in handed)
    draft.add(Kind.MERGED, "merged", text, data, (*policy.informs, *ended))
    return IntakeDecision(
        Outcome.UPDATED,
        "merged",
        draft.incident,
        draft.events,
        # An alert that another incident has too, where that one holds it (often it is the parent), stays with that one.
        owners={name: owner for name, owner in owners.items() if owner in ("", child.uid)},
        pointers=dict.fromkeys(child.keys, child.uid),
    )


def _handed(child: Incident, parent: Incident) -> list[Page]:
    # Whom the child has paged and who has not answered is not rung a second time for the parent: the page stays open,
    # and is the parent's. Where somebody was called for the parent already, as severe as this, the page ends.
    if child.state is not State.OPEN or child.held is not None:
        return []
    worse = child.severity.worse_than(parent.severity) and not parent.by_hand
    if not (worse or parent.held is not None or parent.state is State.MONITORING):
        return []
    return list(child.unanswered)


def _take_over(draft: Transition, child: Incident) -> None:
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
        # The vendor drops a second trigger of the same key, and takes one that was never sent.
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
    """Return how `parent` takes the alerts of `child` over; a worse severity is taken over as well.

    `lost`: keys of a parent that is over that lead to another incident, which is open.
    """
    # What both know fires as long as it does for one of them: firing wins.
    fresh = {
        name: record
        for name, record in theirs.items()
        if name not in records or (record.firing and not records[name].firing)
    }
    draft = Transition(parent, Actor(kind=ActorKind.TIMER, name="merge"), now)
    keys = [key for key in dict.fromkeys((*parent.keys, *child.keys)) if key not in lost]
    data = counts(parent, {**records, **fresh}) | {"keys": keys, "child": child.uid, "id": child.id}
    data["parts"] = list(inherited(child, policy))
    text = f"{child.id} was merged into it with {len(fresh)} alerts"
    draft.add(Kind.ABSORBED, "merged", text, data, policy.informs)
    firing = [bodies.get(name, {}).get("labels", {}) for name, record in fresh.items() if record.firing]
    again = bool(firing) and parent.state.over
    if again:
        # It ended before it had heard of them, so nobody has said that they are over.
        said = f"{len(firing)} alerts of {child.id} fire: it is not over"
        draft.add(Kind.REOPENED, "merged", said, to=(*policy.informs, *pagers_of(parent)))
        if child.held is not None:
            hold_for_maintenance(draft, policy, firing)
    _take_over(draft, child)
    if firing and parent.state is State.MONITORING:
        said = f"{len(firing)} alerts of {child.id} fire: it is not over"
        end_monitoring(draft, policy, Kind.REFIRED, "merged", said, watched=parent)
    if child.severity.worse_than(parent.severity) and not parent.by_hand and not draft.incident.state.over:
        reasons = (f"as severe as {child.id} by {child.decision.rule}", *child.decision.reasons)
        decision = child.decision.model_copy(update={"severity": child.severity, "rule": "merge", "reasons": reasons})
        said = f"severity raised from {parent.severity} to {child.severity} by the merge"
        told = (*policy.informs, *pagers_of(parent))
        draft.add(Kind.SEVERITY_RAISED, "merged", said, {"decision": decision.model_dump(mode="json")}, told)
        if child.held is None:
            release_from_storm(draft, policy, "severity_raised")
        page_responders(draft, policy, "severity_raised")
    elif again:
        page_responders(draft, policy, "reopened")
    # What called people before it was merged goes on calling them.
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
