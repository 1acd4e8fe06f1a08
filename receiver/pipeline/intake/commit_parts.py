"""Converts a decision about a notification to the parts of its commit. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from receiver.incident.log.alert_membership import tombstone_name
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, NotificationPart
from receiver.model.alert.alert import Alert
from receiver.model.base import to_ms
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.model.json_bytes import json_bytes
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.notification_parts import held_alerts
from receiver.pipeline.outbox.outbox_rows import timers_of
from receiver.store.incidents.known_incident import Known

FREES = frozenset({
    Kind.ACKNOWLEDGED, Kind.IDENTIFIED, Kind.MONITORING, Kind.RESOLVED, Kind.CLOSED, Kind.ACKNOWLEDGEMENT_LAPSED,
    Kind.ESCALATED, Kind.STEP_PASSED, Kind.RESPONSE_BREACHED, Kind.PAGE_FAILED, Kind.SECOND_ROAD, Kind.EMERGENCY_PAGED,
})  # fmt: skip
"""Events that answer, end or escalate an incident: they are written even if the store's memory is full."""


def asked_tombstones(part: NotificationPart, firing: Sequence[str]) -> list[str]:
    """Return the names under which earlier-received ends of `firing` alerts may be stored."""
    # Ends with unknown beginnings from a restricted sender have separate names.
    return [*firing, *(tombstone_name(name, part.sender) for name in firing)] if part.sender.restricted else [*firing]


def key_state(known: Known, part: NotificationPart) -> KeyState:
    """Return the stored state of the key of `part`, as its decision needs it."""
    held = held_alerts(known.held) if known.held else []
    tombs, owners = known.tombs, known.owners
    if part.sender.restricted:
        names = {alert.fingerprint: tombstone_name(alert.fingerprint, part.sender) for alert in part.alerts}
        both = {name: max(tombs.get(name, 0), tombs.get(own, 0)) for name, own in names.items()}
        tombs = {name: ms for name, ms in both.items() if ms}
        owners = {name: uid for name, uid in owners.items() if name in names}
    return KeyState(known.pointer, known.incident, known.records, owners, tombs, held, known.recent, known.storm)


def of_another_team(part: NotificationPart | None, incident: Incident | None) -> bool:
    """Return whether `incident` belongs to a different team than `part` does in the configuration."""
    # It was handed over to another team, or that team owned its alerts before the configuration changed.
    return part is not None and incident is not None and incident.team != part.team


def storm_guard(
    verdict: IntakeDecision, setting: ActiveConfig, now: datetime, adopted: Sequence[tuple[Page, bool]]
) -> tuple[int, int] | None:
    """Return the number of openings at which a commit is stale, and since when (ms) they count; None: no limit."""
    # If many incidents open at once, at most the limit may page separately, so the commit counts again.
    storm, incident = setting.policy.storm, verdict.incident
    if storm is None or incident is None or adopted or incident.held:
        return None
    if incident.version and not calls_anew(verdict):
        return None
    if incident.declared or incident.split_from:
        return None
    if incident.severity is Severity.SEV1 or incident.storm:
        return None
    return storm[0], to_ms(now - storm[1])


def calls_anew(verdict: IntakeDecision) -> bool:
    """Return whether a decision pages people for an incident that fires again."""
    # Alerts that fire again cause as many pages as alerts that fire for the first time.
    incident = verdict.incident
    if incident is None or incident.storm or incident.drill or incident.held_until is not None:
        return False
    kinds = {event.kind for event in verdict.events}
    calls = Kind.PAGE in kinds or Kind.STORM_JOINED in kinds
    return calls and not kinds.isdisjoint((Kind.REOPENED, Kind.REFIRED))


def frees(verdict: IntakeDecision) -> bool:
    """Return whether a decision answers, ends or escalates an incident: it is written even if the store is full."""
    # It contains no new firing alert, so the growth is limited by the number of open incidents.
    incident = verdict.incident
    if incident is None or not incident.version or verdict.bodies:
        return False
    return bool(verdict.freed) or not {event.kind for event in verdict.events}.isdisjoint(FREES)


def monitoring_until(incident: Incident, setting: ActiveConfig) -> datetime | None:
    """Return when a monitored incident resolves automatically; None if it does not."""
    policy = setting.policy
    if incident.state is not State.MONITORING or incident.monitoring_at is None or not policy.auto_resolve:
        return None
    return incident.monitoring_at + policy.monitor_for


def timers_to_set(incident: Incident, setting: ActiveConfig, put_off_ms: int) -> Mapping[str, int]:
    """Return when each timer of `incident` is due (ms); 0 for timers to remove."""
    # A new incident has no timers to remove, which saves the script twenty lookups.
    found = timers_of(incident, setting, put_off_ms)
    return found if incident.version else {member: at for member, at in found.items() if at}


def alert_body(alert: Alert) -> bytes:
    """Return what is kept of the text of an alert, as JSON."""
    return json_bytes({"labels": alert.labels, "annotations": alert.annotations, "generator_url": alert.generator_url})
