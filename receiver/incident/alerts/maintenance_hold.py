"""Maintenance windows: no one is paged during one, and alerts that still fire at its end are checked again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from receiver.incident.alerts.alert_storm import join_storm
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.policy import Policy
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Severity

WINDOW = "maintenance: "
"""Prefix of `held` for an incident in a maintenance window; the window's name follows."""


def in_maintenance(policy: Policy, alerts: Iterable[Mapping[str, str]], now: datetime) -> tuple[str, datetime] | None:
    """Return name and end of the maintenance window that covers all `alerts` (given by their labels), or None."""
    windows: list[tuple[str, datetime]] = []
    for labels in alerts:
        window = policy.windows(labels, now)
        if window is None:
            return None
        windows.append(window)
    return min(windows, key=lambda window: window[1], default=None)


def hold_for_maintenance(draft: Transition, policy: Policy, alerts: Iterable[Mapping[str, str]]) -> bool:
    """Hold the pages of an incident if maintenance windows cover all of its alerts, and return whether they do."""
    window = in_maintenance(policy, alerts, draft.now)
    if window is None:
        return False
    _hold(draft, policy, *window)
    return True


def _hold(draft: Transition, policy: Policy, name: str, until: datetime) -> None:
    text = f"in maintenance window {name} until {rfc3339(until)}: no one is paged"
    data = {"held": f"{WINDOW}{name}", "until": rfc3339(until)}
    draft.add(Kind.MAINTENANCE, "maintenance", text, data, policy.informs)


def release_from_maintenance(draft: Transition, policy: Policy, alerts: Iterable[Mapping[str, str]]) -> None:
    """Page people for the whole incident, because an alert is firing that no window covers."""
    incident = draft.incident
    if not (incident.held or "").startswith(WINDOW) or in_maintenance(policy, alerts, draft.now) is not None:
        return
    text = "an alert that the maintenance window does not cover is firing"
    draft.add(Kind.MAINTENANCE_ENDED, "alert_outside", text, to=policy.informs)
    if incident.state is State.MONITORING:
        return
    page_responders(draft, policy, "maintenance_ended", released=True)


def maintenance_ends_at(incident: Incident) -> datetime | None:
    """Return since when a held incident is due for a check; None if no maintenance window holds it."""
    held = incident.held_until is not None and queued_until(incident) is None
    return incident.opened_at if held and not incident.state.over else None


def recheck_after_maintenance(
    draft: Transition, policy: Policy, alerts: Iterable[Mapping[str, str]], storm: str = ""
) -> None:
    """Page people for an incident that still needs them, unless this or another window still covers its `alerts`.

    `storm`: the uid of the storm that the released incidents form, if they are that many; SEV-1 always pages
    separately.
    """
    incident = draft.incident
    found = in_maintenance(policy, list(alerts) or [incident.labels], draft.now)
    if found is not None:
        known = incident.held_until
        if f"{WINDOW}{found[0]}" != incident.held or known is None or to_ms(found[1]) != to_ms(known):
            _hold(draft, policy, *found)
        return
    name = (incident.held or "").removeprefix(WINDOW)
    still = f"{incident.firing} alerts are still firing" if incident.firing else "no alert is firing anymore"
    draft.add(Kind.MAINTENANCE_ENDED, "maintenance_ended", f"the window {name} has ended: {still}", to=policy.informs)
    # A monitored incident pages no one. It pages if an alert fires again, or still fires when monitoring ends.
    if not (incident.firing or incident.declared) or incident.state is State.MONITORING:
        return
    if storm and incident.severity is not Severity.SEV1:
        join_storm(draft, storm)
    else:
        page_responders(draft, policy, "maintenance_ended", released=True)
