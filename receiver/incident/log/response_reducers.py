"""Reducers for people's work: roles, checklists, actions, status updates, corrections, post-mortems."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from receiver.incident.log.event_effect import Effect
from receiver.model.incident.event import Destination, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime, PostmortemVersion
from receiver.model.incident.response_records import (
    ActionItem,
    ChecklistTick,
    Mitigation,
    NoiseMark,
    ResponseTimer,
    Roles,
    StatusUpdate,
)
from receiver.model.severity import Decision

Numbered = TypeVar("Numbered", ActionItem, StatusUpdate)


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
    # Results for another time span are queried again.
    spans = event.data["clock"] in (CorrectedTime.IMPACT_BEGAN, CorrectedTime.RESOLVED)
    return {"clocks": clocks, "spent": None} if spans else {"clocks": clocks}


def _chosen(incident: Incident, event: Event) -> dict[str, Any]:
    return {"mitigations": (*incident.mitigations, Mitigation.model_validate(event.data["mitigation"]))}


def _corrected(incident: Incident, event: Event) -> dict[str, Any]:
    # Values of the state that were hidden or are shown again (followup/hidden_entries.py).
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
    # A draft that the service wrote informs no one, so it does not postpone a reminder.
    return change if update.template and update.published_at is None else {**change, "updated_at": event.at}


def _discarded(incident: Incident, event: Event) -> dict[str, Any]:
    # A draft informs no one, so it does not postpone a reminder.
    return {"updates": _updated(incident, event)["updates"]}


def _reminded_of(incident: Incident, event: Event) -> dict[str, Any]:
    late = set(event.data["updates"])
    return {
        "updates": tuple(
            known.model_copy(update={"reminded": True}) if known.n in late else known for known in incident.updates
        )
    }


def _ticketed(incident: Incident, event: Event) -> dict[str, Any]:
    made = (Destination.model_validate(place) for place in event.data.get("tickets", ()))
    return {"ticketed": tuple(dict.fromkeys((*incident.ticketed, *made)))}


RESPONSE_EFFECTS: dict[Kind, Effect] = {
    Kind.TICKET: _ticketed,
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
    Kind.VISIBILITY: lambda incident, event: {
        "private": bool(event.data["private"]),
        "private_at": event.at if event.data["private"] else None,
        "visible_to": tuple(event.data["visible_to"]),
    },
    Kind.STATUS_DUE: _reminded_of,
    Kind.POSTMORTEM_WRITTEN: lambda incident, event: {
        "review": PostmortemVersion.model_validate(event.data["writing"])
    },
    Kind.CLOCK_SET: _clock_set,
    Kind.ACTION_DUE: _called_in,
    Kind.LETTER: lambda incident, event: {"lettered_at": event.at},
    Kind.POSTMORTEM: lambda incident, event: {
        "documented": tuple(Destination.model_validate(place) for place in event.data["pages"])
    },
}
