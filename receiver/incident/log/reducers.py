"""What each kind of event does to the state: a table, so that a reader finds a kind's effect at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from receiver.incident.log.misdated_times import moved_back
from receiver.model.incident.event import Destination, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import EscalationProgress, NotifiedContact, Plan
from receiver.model.incident.postmortem import CorrectedTime, PostmortemVersion
from receiver.model.incident.recent_changes import Changes
from receiver.model.incident.response_records import (
    ActionItem,
    ChecklistTick,
    Mitigation,
    NoiseMark,
    ResponseTimer,
    Roles,
    StatusUpdate,
)
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity
from receiver.model.severity_policy import Until

Effect = Callable[[Incident, Event], dict[str, Any]]
"""(state before, event) -> the fields that change."""
Numbered = TypeVar("Numbered", ActionItem, StatusUpdate)


def _stops(incident: Incident) -> bool:
    """Return whether an acknowledgement stops the escalation of `incident`."""
    called = incident.called
    return called is None or called.until is Until.ACKNOWLEDGED


def _begun(incident: Incident, at: datetime) -> EscalationProgress:
    # The escalation from its first step; where nobody is to be called, or somebody has it, its clock stands.
    quiet = incident.calling_state is State.MONITORING or incident.state.over
    taken = incident.calling_state in (State.ACKNOWLEDGED, State.IDENTIFIED) and _stops(incident)
    return EscalationProgress(since=None if quiet or taken else at)


def _restarted(incident: Incident, event: Event) -> dict[str, Any]:
    decision = Decision.model_validate(event.data["decision"])
    after = incident.model_copy(update={"severity": decision.severity})
    ladder = EscalationProgress() if after.held is not None else _begun(after, event.at)
    change = {"severity": decision.severity, "decision": decision, "severity_at": event.at, "ladder": ladder}
    return {**change, "raised": event.seq} if decision.severity.worse_than(incident.severity) else change


def _raised(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_restarted(incident, event), "by_hand": False}


def _set(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_restarted(incident, event), "by_hand": True}


def _paged(incident: Incident, event: Event) -> dict[str, Any]:
    page = Page.model_validate(event.data["page"]).model_copy(update={"seq": event.seq})
    same = any((known.channel, known.key) == (page.channel, page.key) for known in incident.pages)
    if event.kind is Kind.EMERGENCY_PAGED and same:
        return {}  # sent without the store by one replica and with it by another: one page
    return {"pages": (*incident.pages, page)}


def _told(incident: Incident, event: Event) -> dict[str, Any]:
    return {"notified": (*incident.notified, *event.data["people"]), **_written(incident, event)}


def _written(incident: Incident, event: Event) -> dict[str, Any]:
    fresh = [to for to in event.to if to.personal and to not in incident.written]
    return {"written": (*incident.written, *fresh)} if fresh else {}


def _taken(incident: Incident, event: Event) -> dict[str, Any]:
    ladder = incident.ladder.paused(event.at) if _stops(incident) else incident.ladder
    return {
        "acknowledged_at": incident.acknowledged_at or event.at,
        "first_acknowledged_at": incident.first_acknowledged_at or incident.acknowledged_at or event.at,
        "acknowledged_by": event.data.get("by") or event.actor.name,
        "answered_at": event.at,
        "hushed": event.seq,
        "ladder": ladder,
    }


def _acknowledged(incident: Incident, event: Event) -> dict[str, Any]:
    state = State.ACKNOWLEDGED if incident.state is State.OPEN else incident.state
    change = {**_taken(incident, event), "state": state}
    # Who has taken it while it is watched has it still when it fires again.
    watched = incident.state is State.MONITORING and incident.resume in (None, State.OPEN)
    return {**change, "resume": State.ACKNOWLEDGED} if watched else change


def _identified(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_taken(incident, event), "state": State.IDENTIFIED, "identified_at": event.at}


def _absorbed(incident: Incident, event: Event) -> dict[str, Any]:
    # What the public has heard of the other one's components is published here from now on; older logs do not say.
    fresh = [one for one in event.data.get("parts", ()) if one not in incident.parts]
    more = {"parts": (*incident.parts, *fresh), "parts_at": event.at} if fresh else {}
    return {"absorbed": (*incident.absorbed, event.data["child"]), **more}


def _lapsed(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.OPEN,
        "ring": incident.ring + 1,
        "hushed": 0,
        "acknowledged_by": None,
        "acknowledged_until": None,
        "reached": (),
        "ladder": incident.ladder.running(event.at),
    }


def _watched(incident: Incident, event: Event) -> dict[str, Any]:
    mitigated = event.at if event.data.get("mitigated") else incident.mitigated_at
    return {
        "state": State.MONITORING,
        "resume": incident.resume if incident.state is State.MONITORING else incident.state,
        "monitoring_at": event.at,
        "mitigated_at": mitigated,
        "ladder": incident.ladder if event.data.get("flapping") else incident.ladder.paused(event.at),
        "ends": tuple(datetime.fromisoformat(at) for at in event.data.get("ends", ())),
        "flapping": bool(event.data.get("flapping")),
        "unasked": (),
        "failing": (),
        "failed_at": None,
        "proposed": False,
    }


def _fallen_back(incident: Incident, event: Event) -> dict[str, Any]:
    state = incident.resume or State.OPEN
    stays = state is not State.OPEN and _stops(incident)
    ladder = incident.ladder if stays or incident.held else incident.ladder.running(event.at)
    # The time to answer stood still with the escalation.
    stood = event.at - incident.monitoring_at if incident.monitoring_at and not incident.flapping else timedelta()
    reached = _later(incident.reached, stood)
    change: dict[str, Any] = {
        "state": state,
        "resume": None,
        "monitoring_at": None,
        "mitigated_at": None,
        "proposed": False,
        "ladder": ladder,
        "reached": reached,
        "flaps": incident.flaps + (event.kind is Kind.REFIRED),
    }
    return change | _ring_anew(incident, event) if "ring" in event.data else change


def _ring_anew(incident: Incident, event: Event) -> dict[str, Any]:
    # It was said to be mitigated, and fires on: nobody has answered that yet.
    return {
        "state": State.OPEN,
        "ring": event.data["ring"],
        "hushed": 0,
        "acknowledged_by": None,
        "acknowledged_until": None,
        "reached": (),
        "ladder": incident.ladder if incident.held else incident.ladder.running(event.at),
        "flaps": incident.flaps,
    }


def _later(reached: tuple[NotifiedContact, ...], by: timedelta) -> tuple[NotifiedContact, ...]:
    return tuple(one.model_copy(update={"due": one.due + by}) if one.due else one for one in reached)


def _unverified(incident: Incident, event: Event) -> dict[str, Any]:
    return {**_fallen_back(incident, event), "failing": tuple(event.data["checks"]), "failed_at": event.at}


def _resolved(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.RESOLVED,
        "resume": None,
        "resolved_at": event.at,
        "ladder": incident.ladder.paused(event.at),
        "held": None,
        "held_until": None,
        "held_at": None,
        "failing": (),
        "proposed": False,
        "ends": (),
        "flapping": False,
    }


def _proposed(incident: Incident, event: Event) -> dict[str, Any]:
    if incident.state is not State.MONITORING:
        return {"proposed": True}
    # It has been quiet for long enough, and only a person may say that it is over: nobody is called meanwhile.
    return {"proposed": True, "ends": (), "flapping": False, "ladder": incident.ladder.paused(event.at)}


def _closed(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.CLOSED,
        "resume": None,
        "closed_at": event.at,
        "resolved_at": incident.resolved_at or event.at,
        "ladder": incident.ladder.paused(event.at),
        "held": None,
        "held_until": None,
        "held_at": None,
        "ends": (),
        "flapping": False,
    }


def _merged(incident: Incident, event: Event) -> dict[str, Any]:
    keys = set(event.data.get("handed", ()))
    handed = tuple(page for page in incident.pages if page.key in keys)
    kept = tuple(page for page in incident.pages if page.key not in keys)
    return {**_closed(incident, event), "parent": event.data["into"], "merged": True, "handed": handed, "pages": kept}


_OF_AN_END = (CorrectedTime.IDENTIFIED, CorrectedTime.MITIGATED, CorrectedTime.RESOLVED)
"""What somebody has set right about an end that was none: the next one has its own."""


def _reopened(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "state": State.OPEN,
        "resume": None,
        "monitoring_at": None,
        "resolved_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "hushed": 0,
        "identified_at": None,
        "mitigated_at": None,
        "closed_at": None,
        "ring": incident.ring + 1,
        "reopened": incident.reopened + 1,
        "flaps": incident.flaps + 1,
        "notified": (),
        "reached": (),
        "proposed": False,
        "severity_at": event.at,
        "updated_at": None,
        "reminded_at": None,
        "ladder": EscalationProgress(since=event.at),
        "clocks": {name: at for name, at in incident.clocks.items() if name not in _OF_AN_END},
        "lettered_at": None,
        "spent": None,
        # A storm that goes on counts what joins it, until it ends again.
        "storm_ended_at": None,
    }


def _escalated(incident: Incident, event: Event) -> dict[str, Any]:
    return {"ladder": incident.ladder.model_copy(update={"step": event.data["step"]})}


def _breached(incident: Incident, event: Event) -> dict[str, Any]:
    late = set(event.data["contacts"])
    return {
        "reached": tuple(
            reach.model_copy(update={"due": None}) if reach.contact in late else reach for reach in incident.reached
        )
    }


def _assigned(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "roles": Roles.model_validate({**incident.roles.model_dump(), event.data["field"]: event.data.get("person")})
    }


def _ticked(incident: Incident, event: Event) -> dict[str, Any]:
    others = tuple(tick for tick in incident.checklist if tick.item != event.data["item"])
    if event.data["done"]:
        others = (*others, ChecklistTick(item=event.data["item"], by=event.data["by"], at=event.at))
    return {"checklist": tuple(sorted(others, key=lambda tick: tick.item))}


def _promised(incident: Incident, event: Event) -> dict[str, Any]:
    item = ActionItem.model_validate(event.data["action"])
    others = tuple(known for known in incident.actions if known.n != item.n)
    return {"actions": tuple(sorted((*others, item), key=lambda known: known.n))}


def _called_in(incident: Incident, event: Event) -> dict[str, Any]:
    late = set(event.data["actions"])
    return {
        "actions": tuple(
            item.model_copy(update={"reminded_at": event.at}) if item.n in late else item for item in incident.actions
        )
    }


def _clock_set(incident: Incident, event: Event) -> dict[str, Any]:
    clocks = {name: at for name, at in incident.clocks.items() if name != event.data["clock"]}
    if event.data["at"] is not None:
        clocks[event.data["clock"]] = datetime.fromisoformat(event.data["at"])
    # What was asked for another span of time is asked anew.
    spans = event.data["clock"] in (CorrectedTime.IMPACT_BEGAN, CorrectedTime.RESOLVED)
    return {"clocks": clocks, "spent": None} if spans else {"clocks": clocks}


def _chosen(incident: Incident, event: Event) -> dict[str, Any]:
    return {"mitigations": (*incident.mitigations, Mitigation.model_validate(event.data["mitigation"]))}


def _corrected(incident: Incident, event: Event) -> dict[str, Any]:
    # What was hidden, or is shown again, of what the state repeats (followup/hidden_entries.py).
    said, change = event.data.get("restated", {}), dict[str, Any]()
    if "decision" in said:
        change["decision"] = Decision.model_validate(said["decision"])
    if "team_reason" in said:
        change["team_reason"] = said["team_reason"]
    if "mitigation" in said:
        new = Mitigation.model_validate(said["mitigation"])
        change["mitigations"] = tuple(new if one.n == new.n else one for one in incident.mitigations)
    if "noise" in said:
        change["noise"] = NoiseMark.model_validate(said["noise"])
    if "action" in said:
        change["actions"] = _patched(incident.actions, said["action"])
    if "update" in said:
        change["updates"] = _patched(incident.updates, said["update"])
    change.update(said.get("edited", {}))
    return change


def _patched(items: tuple[Numbered, ...], change: dict[str, Any]) -> tuple[Numbered, ...]:
    return tuple(one.model_copy(update=change) if one.n == change["n"] else one for one in items)


def _updated(incident: Incident, event: Event) -> dict[str, Any]:
    update = StatusUpdate.model_validate(event.data["update"])
    others = tuple(known for known in incident.updates if known.n != update.n)
    change: dict[str, Any] = {"updates": tuple(sorted((*others, update), key=lambda known: known.n))}
    # A draft of the service's own has told nobody anything: it puts off no reminder.
    return change if update.template and update.published_at is None else {**change, "updated_at": event.at}


def _discarded(incident: Incident, event: Event) -> dict[str, Any]:
    # It has told nobody anything: it puts off no reminder.
    return {"updates": _updated(incident, event)["updates"]}


def _reminded_of(incident: Incident, event: Event) -> dict[str, Any]:
    late = set(event.data["updates"])
    return {
        "updates": tuple(
            known.model_copy(update={"reminded": True}) if known.n in late else known for known in incident.updates
        )
    }


def _released(incident: Incident, event: Event) -> dict[str, Any]:
    ladder = _begun(incident, event.at)
    change = {"held": None, "held_until": None, "held_at": None, "severity_at": event.at, "ladder": ladder}
    # The time to answer stood still with the escalation.
    return {**change, "reached": _later(incident.reached, event.at - (incident.held_at or event.at))}


def _held(incident: Incident, event: Event) -> dict[str, Any]:
    return {
        "held": event.data["held"],
        "held_until": datetime.fromisoformat(event.data["until"]) if event.data.get("until") else None,
        "held_at": incident.held_at or event.at,
        "parent": event.data.get("parent", incident.parent),
        "ladder": EscalationProgress(),
    }


def _reconciled(incident: Incident, event: Event) -> dict[str, Any]:
    counts = dict(event.data["upstream"])
    since = incident.unknown_since if incident.upstream.get("unknown") else event.at
    change = {"upstream": counts, "unknown_since": since if counts.get("unknown") else None}
    # Known there again: when it is forgotten once more, people are asked once more.
    asked = incident.proposed and not counts.get("unknown") and incident.state is not State.MONITORING
    return {**change, "proposed": False} if asked else change


def _ticketed(incident: Incident, event: Event) -> dict[str, Any]:
    made = (Destination.model_validate(place) for place in event.data.get("tickets", ()))
    return {"ticketed": tuple(dict.fromkeys((*incident.ticketed, *made)))}


def _team_changed(incident: Incident, event: Event) -> dict[str, Any]:
    plan = Plan.model_validate(event.data["plan"])
    change: dict[str, Any] = {
        "team": event.data["team"],
        "team_reason": event.text,
        "plan": plan,
        "notified": (),
        "reached": tuple(
            NotifiedContact.model_validate(item).model_copy(update={"seq": event.seq}) for item in event.data["waiting"]
        ),
    }
    if incident.held == "storm":
        change |= {"held": None, "held_at": None}  # a storm of the team before holds nothing back from the new one
    if not event.data["taken"]:
        watched = incident.state is State.MONITORING
        change |= {"resume": State.OPEN} if watched else {"state": State.OPEN}
        change |= {"acknowledged_by": None, "acknowledged_until": None}
    after = incident.model_copy(update=change)
    return {**change, "ladder": EscalationProgress() if after.held is not None else _begun(after, event.at)}


EFFECTS: dict[Kind, Effect] = {
    Kind.SEVERITY_RAISED: _raised,
    Kind.SEVERITY_SET: _set,
    Kind.SEVERITY_PROPOSED: lambda incident, event: {"milder": Severity(event.data["severity"])},
    Kind.PAGE: _paged,
    Kind.EMERGENCY_PAGED: _paged,
    Kind.PAGE_ADOPTED: _paged,
    Kind.NOTIFY: _told,
    Kind.TICKET: _ticketed,
    Kind.CHANGES: lambda incident, event: {"changes": Changes.model_validate(event.data["changes"])},
    Kind.ACKNOWLEDGED: _acknowledged,
    Kind.ACKNOWLEDGEMENT_LAPSED: _lapsed,
    Kind.IDENTIFIED: _identified,
    Kind.MONITORING: _watched,
    Kind.REFIRED: _fallen_back,
    Kind.VERIFICATION_FAILED: _unverified,
    Kind.CHECK_UNKNOWN: lambda incident, event: {"unasked": (*incident.unasked, *event.data["checks"])},
    Kind.RESOLUTION_PROPOSED: _proposed,
    Kind.RESOLVED: _resolved,
    Kind.CLOSED: _closed,
    Kind.MERGED: _merged,
    Kind.SPLIT: lambda incident, event: {"departed": (*incident.departed, event.data["child"])},
    Kind.ABSORBED: _absorbed,
    Kind.REOPENED: _reopened,
    Kind.ESCALATED: _escalated,
    Kind.STEP_PASSED: _escalated,
    Kind.RESPONSE_BREACHED: _breached,
    Kind.REMINDER: lambda incident, event: {"reminded_at": event.at},
    Kind.ROLE: _assigned,
    Kind.EDITED: lambda incident, event: dict(event.data["changed"]),
    Kind.CHECKLIST: _ticked,
    Kind.ACTION_ADDED: _promised,
    Kind.ACTION_CHANGED: _promised,
    Kind.MITIGATION: _chosen,
    Kind.CORRECTED: _corrected,
    Kind.TIMER_STARTED: lambda incident, event: {"stopwatch": ResponseTimer(started_at=event.at)},
    Kind.TIMER_STOPPED: lambda incident, event: {
        "stopwatch": incident.stopwatch.model_copy(update={"stopped_at": event.at}) if incident.stopwatch else None
    },
    Kind.STATUS_UPDATE: _updated,
    Kind.STATUS_APPROVED: _updated,
    Kind.STATUS_DISCARDED: _discarded,
    Kind.NOISE: lambda incident, event: {
        "noise": NoiseMark.model_validate(event.data["noise"]) if event.data["noise"] else None
    },
    Kind.SILENCED: lambda incident, event: {"silences": tuple(event.data["silences"])},
    Kind.UPSTREAM: _reconciled,
    Kind.MEASURED: lambda incident, event: {"unmeasured": (*incident.unmeasured, *event.data.get("failed", ()))},
    Kind.STORM_JOINED: _held,
    Kind.STORM_COUNTED: lambda incident, event: {"held_back": event.data["held_back"]},
    Kind.STORM_ENDED: lambda incident, event: {"storm_ended_at": event.at},
    Kind.RELEASED: _released,
    Kind.MAINTENANCE: _held,
    Kind.MAINTENANCE_ENDED: _released,
    Kind.VISIBILITY: lambda incident, event: {
        "private": bool(event.data["private"]),
        "private_at": event.at if event.data["private"] else None,
        "visible_to": tuple(event.data["visible_to"]),
    },
    Kind.PAGE_QUEUED: _held,
    Kind.PAGE_HOURS_BEGAN: _released,
    Kind.ALL_HANDS: _written,
    Kind.SECOND_ROAD: lambda incident, event: {
        "detoured": (*incident.detoured, event.data["page"]["key"]),
        **_written(incident, event),
    },
    Kind.STATUS_DUE: _reminded_of,
    Kind.POSTMORTEM_WRITTEN: lambda incident, event: {
        "review": PostmortemVersion.model_validate(event.data["writing"])
    },
    Kind.CLOCK_SET: _clock_set,
    Kind.CLOCK_CORRECTED: lambda incident, event: moved_back(
        incident, datetime.fromisoformat(event.data["after"]), timedelta(seconds=event.data["by"])
    ),
    Kind.ACTION_DUE: _called_in,
    Kind.LETTER: lambda incident, event: {"lettered_at": event.at},
    Kind.TEAM_CHANGED: _team_changed,
    Kind.BUDGET_KNOWN: lambda incident, event: {"spent": dict(event.data["spent"])},
    Kind.RULE_KNOWN: lambda incident, event: {"fires_after": event.data["for"]},
    Kind.POSTMORTEM: lambda incident, event: {
        "documented": tuple(Destination.model_validate(place) for place in event.data["pages"])
    },
}
