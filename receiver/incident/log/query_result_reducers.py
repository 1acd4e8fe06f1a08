"""Reducers for results from other systems: Alertmanager, measurements, recent changes, error budgets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from receiver.incident.log.event_effect import Effect
from receiver.incident.log.misdated_times import moved_back
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.recent_changes import Changes
from receiver.model.incident.state import State


def _reconciled(incident: Incident, event: Event) -> dict[str, Any]:
    counts = dict(event.data["upstream"])
    since = incident.unknown_since if incident.upstream.get("unknown") else event.at
    change = {"upstream": counts, "unknown_since": since if counts.get("unknown") else None}
    # Alertmanager has the alerts again; if they disappear once more, people are asked again.
    asked = incident.proposed and not counts.get("unknown") and incident.state is not State.MONITORING
    return {**change, "proposed": False} if asked else change


FINDING_EFFECTS: dict[Kind, Effect] = {
    Kind.CHANGES: lambda incident, event: {"changes": Changes.model_validate(event.data["changes"])},
    Kind.UPSTREAM: _reconciled,
    Kind.MEASURED: lambda incident, event: {"unmeasured": (*incident.unmeasured, *event.data.get("failed", ()))},
    Kind.RULE_KNOWN: lambda incident, event: {"fires_after": event.data["for"]},
    Kind.BUDGET_KNOWN: lambda incident, event: {"spent": dict(event.data["spent"])},
    Kind.CLOCK_CORRECTED: lambda incident, event: moved_back(
        incident, datetime.fromisoformat(event.data["after"]), timedelta(seconds=event.data["by"])
    ),
}
