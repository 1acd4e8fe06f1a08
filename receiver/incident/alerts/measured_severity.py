"""Queried measurements can raise a severity and never lower it. Pure.

pipeline/alerts/measured_severity.py runs the queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from receiver.incident.alerts.alert_storm import release_from_storm
from receiver.incident.alerts.maintenance_hold import hold_for_maintenance
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Decision, Severity, worst


def on_measured(
    incident: Incident,
    records: Mapping[str, AlertRecord],
    decisions: Mapping[str, Decision],
    failed: Sequence[str],
    policy: Policy,
    now: datetime,
    labels: Iterable[Mapping[str, str]] = (),
) -> IntakeDecision | None:
    """Return what the results change: a raised severity, or a failed query (recorded once). None if nothing changes.

    `decisions`: by fingerprint, based on the results. `failed`: the measurements that could not be queried, with the
    reason. `labels`: the labels of each firing alert.
    """
    changed = {
        name: records[name]._replace(severity=decision.severity)
        for name, decision in decisions.items()
        if name in records and records[name].firing and decision.severity.worse_than(records[name].severity)
    }
    draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="measure"), now)
    fresh = sorted(set(failed) - set(incident.unmeasured))
    if fresh:
        text = f"not measured: {'; '.join(fresh)}"
        draft.add(Kind.MEASURED, "query_failed", text, {"failed": fresh}, policy.informs)
    if changed:
        _raise(draft, {**records, **changed}, [decisions[name] for name in changed], policy, labels)
    if not draft.events:
        return None
    return IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events, records=changed)


def _raise(
    draft: Transition,
    records: Mapping[str, AlertRecord],
    decisions: Sequence[Decision],
    policy: Policy,
    labels: Iterable[Mapping[str, str]],
) -> None:
    incident = draft.incident
    bad = worst(record.severity for record in records.values() if record.firing)
    decision = min(decisions, key=lambda one: (one.severity.rank, one.rule, one.reasons))
    why = "; ".join(decision.reasons) or decision.rule
    if not decision.severity.worse_than(incident.severity):
        text = f"measured: {decision.severity} by {decision.rule}: {why}"
        draft.add(Kind.MEASURED, "measured", text, {"worst": bad}, policy.informs)
        return
    text = f"severity raised from {incident.severity} to {decision.severity} by {decision.rule}: {why}"
    data = {"decision": decision.model_dump(mode="json"), "worst": bad}
    draft.add(Kind.SEVERITY_RAISED, "measured", text, data, (*policy.informs, *pagers_of(incident)))
    if decision.severity is Severity.SEV1:
        release_from_storm(draft, policy, "severity_raised")
    if draft.incident.held is None or queued_until(draft.incident) is not None:
        hold_for_maintenance(draft, policy, labels)
    page_responders(draft, policy, "severity_raised")
