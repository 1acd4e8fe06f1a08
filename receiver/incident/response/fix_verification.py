"""Whether the fix is verified: checks while the incident is watched. Pure.

The asking is in pipeline/response/fix_verification.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from receiver.incident.alerts.monitored_incidents import begin_monitoring, end_monitoring, notify_again
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.recipients import Policy, pagers_of
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.fix_verification import CheckResult
from receiver.model.incident.incident import Incident, State


def verify_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the checks are to be asked; None when there are none, or nothing is watched."""
    if policy.verify_every is None or incident.state.over or incident.partial:
        return None
    # Also while a person is asked whether it is over: what they go by may have gone bad meanwhile.
    if incident.state is State.MONITORING:
        return incident.monitoring_at
    return incident.failed_at if incident.failing and not incident.firing else None


def watch_ends(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the incident has been watched long enough; None while it is not watched.

    Whatever still fires then has not been mitigated, although a person has said so.
    """
    watching = incident.state is State.MONITORING and incident.monitoring_at is not None
    # Once proposed, or with alerts that nobody can see, a person resolves it.
    if not watching or incident.monitoring_at is None:
        return None
    if (incident.partial or incident.proposed) and not incident.firing:
        return None
    return incident.monitoring_at + policy.monitor_for


def end_watch(draft: Transition, policy: Policy, checks: Sequence[CheckResult] = ()) -> None:
    """It stayed quiet long enough, and every check is good or could not be asked: resolve it, or ask people to.

    Where alerts still fire, what a person said of it was wrong: people are called as though nobody had answered.
    """
    minutes = policy.monitor_for.total_seconds() / 60
    if draft.incident.firing:
        fires = f"{draft.incident.firing} alert{'s' if draft.incident.firing > 1 else ''} still firing"
        notify_again(draft, policy, f"monitored for {minutes:g} min with {fires}: it is open again")
        return
    said = "; ".join(f"{check.name}: {check.detail}" for check in checks)
    text = f"no alert fired for {minutes:g} min" + (f"; {said}" if said else "")
    data: dict[str, Any] = {"checks": [check.model_dump() for check in checks]}
    if policy.auto_resolve:
        draft.add(Kind.RESOLVED, "monitored", text, data, (*policy.informs, *pagers_of(draft.incident)))
    else:
        # Pages that flapping has left open: it has been quiet for long enough.
        data["withdrawn"] = [page.key for page in draft.incident.unanswered]
        to = (*policy.informs, *pagers_of(draft.incident))
        draft.add(Kind.RESOLUTION_PROPOSED, "monitored", f"{text} - resolve it?", data, to)


def on_checks(checks: Sequence[CheckResult], incident: Incident, policy: Policy, now: datetime) -> Transition:
    """Return what the checks say now: nothing, a relapse, a new watch, or the end of this one."""
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
        text = f"the checks are good again; watched for {policy.monitor_for.total_seconds() / 60:g} min"
        begin_monitoring(draft, policy, "checks_recovered", text)
    return draft


def _words(checks: Sequence[CheckResult]) -> str:
    return "; ".join(f"{check.name}: {check.detail}" for check in checks)
