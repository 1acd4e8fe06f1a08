"""Verifies a fix with checks while the incident is monitored. Pure.

pipeline/response/fix_verification.py runs the checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from receiver.incident.alerts.monitored_incidents import begin_monitoring, end_monitoring, notify_again
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.fix_verification import CheckResult
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State


def verify_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the checks are due; None if there are none, or the incident is not monitored."""
    if policy.verify_every is None or incident.state.over or incident.partial:
        return None
    # Also while a person is asked to resolve it, because a check may fail meanwhile.
    if incident.state is State.MONITORING:
        return incident.monitoring_at
    return incident.failed_at if incident.failing and not incident.firing else None


def watch_ends(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the monitoring of the incident ends; None while it is not monitored.

    Alerts that still fire then have not been mitigated, although a person reported so.
    """
    watching = incident.state is State.MONITORING and incident.monitoring_at is not None
    # If resolving was proposed, or some alerts are unknown, a person resolves it.
    if not watching or incident.monitoring_at is None:
        return None
    if (incident.partial or incident.proposed) and not incident.firing:
        return None
    return incident.monitoring_at + policy.monitor_for


def end_watch(draft: Transition, policy: Policy, checks: Sequence[CheckResult] = ()) -> None:
    """Resolve an incident that stayed quiet and whose checks pass or could not run, or ask people to resolve it.

    If alerts still fire, the report that it was mitigated was wrong: people are paged as if no one had answered.
    """
    minutes = policy.monitor_for.total_seconds() / 60
    if draft.incident.firing:
        fires = f"{draft.incident.firing} alert{'s' if draft.incident.firing > 1 else ''} still firing"
        notify_again(draft, policy, f"reopened: {fires} after {minutes:g} min of monitoring")
        return
    said = "; ".join(f"{check.name}: {check.detail}" for check in checks)
    text = f"no alert fired for {minutes:g} min" + (f"; {said}" if said else "")
    data: dict[str, Any] = {"checks": [check.model_dump() for check in checks]}
    if policy.auto_resolve:
        draft.add(Kind.RESOLVED, "monitored", text, data, (*policy.informs, *pagers_of(draft.incident)))
    else:
        # These pages stayed open because alerts flapped; now no alert has fired for long enough.
        data["withdrawn"] = [page.key for page in draft.incident.unanswered]
        to = (*policy.informs, *pagers_of(draft.incident))
        draft.add(Kind.RESOLUTION_PROPOSED, "monitored", f"{text} - resolve it?", data, to)


def on_checks(checks: Sequence[CheckResult], incident: Incident, policy: Policy, now: datetime) -> Transition:
    """Return the result of the checks: nothing, a relapse, monitoring again, or the end of monitoring."""
    draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="verification"), now)
    bad = [check for check in checks if check.ok is False]
    unasked = [check for check in checks if check.ok is None and check.name not in incident.unasked]
    if unasked:
        text = f"cannot be checked: {_words(unasked)}"
        draft.add(Kind.CHECK_UNKNOWN, "unknown", text, {"checks": [c.name for c in unasked]}, policy.informs)
    if incident.state is State.MONITORING:
        ends = watch_ends(incident, policy)
        if bad:
            text = f"not fixed: {_words(bad)}"
            data = {"checks": [check.name for check in bad]}
            end_monitoring(draft, policy, Kind.VERIFICATION_FAILED, "check_failed", text, data)
        elif ends is not None and now >= ends:
            end_watch(draft, policy, checks)
    elif incident.failing and not bad and not incident.firing:
        text = f"the checks pass again; monitoring for {policy.monitor_for.total_seconds() / 60:g} min"
        begin_monitoring(draft, policy, "checks_recovered", text)
    return draft


def _words(checks: Sequence[CheckResult]) -> str:
    return "; ".join(f"{check.name}: {check.detail}" for check in checks)
