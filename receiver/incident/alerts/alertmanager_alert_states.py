"""The status of an incident's alerts in Alertmanager: silenced, inhibited, or unknown. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity

ASKED_FIRST = (Severity.SEV1, Severity.SEV2)
"""Severities whose missing alerts are not resolved automatically: people are asked whether the incident is over."""


def upstream_counts(
    firing: Collection[str],
    silenced: Collection[str],
    inhibited: Collection[str],
    unknown: int,
) -> dict[str, int]:
    """Return how many `firing` alerts are silenced, inhibited and `unknown` in Alertmanager, without zeros."""
    alerts = set(firing)
    counts = {
        "silenced": len(alerts.intersection(silenced)),
        "inhibited": len(alerts.intersection(inhibited)),
        "unknown": unknown,
    }
    return {name: count for name, count in counts.items() if count}


def missing_since(
    before: Mapping[str, datetime], firing: Mapping[str, datetime], known: Collection[str], now: datetime
) -> dict[str, datetime]:
    """Return since when each of the `firing` alerts has been missing in Alertmanager, by fingerprint.

    `before`: the result of the previous check; empty if Alertmanager did not answer it. `firing`: when each alert was
    last received. If an alert is present again, or fires again, its time starts from zero.
    """
    gone = {name: max(before.get(name, now), heard) for name, heard in firing.items() if name not in known}
    return {name: min(since, now) for name, since in gone.items()}


def gone_upstream(since: Mapping[str, datetime], grace: timedelta, now: datetime) -> set[str]:
    """Return the alerts that have been missing in Alertmanager for `grace`, each by its own time."""
    return {name for name, moment in since.items() if now - moment >= grace}


def on_alertmanager_answer(
    incident: Incident,
    counts: Mapping[str, int],
    gone: Collection[str],
    policy: Policy,
    grace: timedelta,
    now: datetime,
) -> Transition:
    """Return what the answer changes: new counts, and a question to people if all alerts of the incident are `gone`.

    For less severe incidents, the caller resolves the alerts that are `gone`.
    """
    draft = Transition(incident, Actor(kind=ActorKind.ALERTMANAGER, name="reconciler"), now)
    if dict(counts) != incident.upstream:
        words = ", ".join(f"{count} {name}" for name, count in counts.items()) or "all firing"
        draft.add(Kind.UPSTREAM, "upstream", f"in Alertmanager: {words}", {"upstream": dict(counts)}, policy.informs)
    # The incident is not over while at least one alert fires in Alertmanager.
    over = incident.firing and len(gone) >= incident.firing
    if over and incident.severity in ASKED_FIRST and not draft.incident.proposed:
        missing = f"its {len(gone)} alerts have been missing from Alertmanager for {grace.total_seconds() / 60:g} min"
        text = f"{missing}: resolve it if it is over"
        draft.add(Kind.RESOLUTION_PROPOSED, "unknown_upstream", text, {"unknown": len(gone)}, policy.informs)
    return draft
