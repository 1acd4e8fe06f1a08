"""What Alertmanager says of an incident's alerts when it is asked: held back there, or not known any more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from receiver.incident.audience import Policy
from receiver.incident.journal import Draft
from receiver.model.event import Actor, ActorKind, Kind
from receiver.model.incident import Incident
from receiver.model.severity import Severity

ASKED_FIRST = (Severity.SEV1, Severity.SEV2)
"""Severities whose alerts end in no silence: people are asked whether it is over."""


def standing(
    firing: Collection[str], silenced: Collection[str], inhibited: Collection[str], known: Collection[str]
) -> dict[str, int]:
    """Return how many of the `firing` alerts are silenced, inhibited and unknown upstream; zeros are left out."""
    alerts = set(firing)
    counts = {
        "silenced": len(alerts.intersection(silenced)),
        "inhibited": len(alerts.intersection(inhibited)),
        "unknown": len(alerts.difference(known)),
    }
    return {name: count for name, count in counts.items() if count}


def on_answer(incident: Incident, counts: Mapping[str, int], policy: Policy, grace: timedelta, now: datetime) -> Draft:
    """Return what the answer changes: counts are shown; what is unknown for `grace` is proposed to be over.

    Less severe incidents are resolved by the caller then (`forgotten`).
    """
    draft = Draft(incident, Actor(kind=ActorKind.ALERTMANAGER, name="reconciler"), now)
    if dict(counts) != incident.upstream:
        words = ", ".join(f"{count} {name}" for name, count in counts.items()) or "all fire"
        draft.add(Kind.UPSTREAM, "upstream", f"in Alertmanager: {words}", {"upstream": dict(counts)}, policy.informs)
    if forgotten(draft.incident, grace, now) and incident.severity in ASKED_FIRST and not incident.proposed:
        count = counts.get("unknown", 0)
        minutes = grace.total_seconds() / 60
        text = f"Alertmanager has not known {count} of its alerts for {minutes:g} min: is it over? resolve it"
        draft.add(Kind.RESOLUTION_PROPOSED, "unknown_upstream", text, {"unknown": count}, policy.informs)
    return draft


def forgotten(incident: Incident, grace: timedelta, now: datetime) -> bool:
    """Return whether alerts of the incident have been unknown upstream for `grace`."""
    return incident.unknown_since is not None and now - incident.unknown_since >= grace
