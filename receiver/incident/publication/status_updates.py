"""Status updates by the policy of the severity: published at once, drafted with a deadline, or never. Pure.

The text comes from fixed templates, filled only with names of components: no label, host or person can get into it.
People write anything beyond that, on their own responsibility.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.paging.policy import Policy
from receiver.model.base import rfc3339
from receiver.model.incident.event import Destination, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.model.severity_policy import Publish

TYPICALLY = timedelta(minutes=30)
"""Time until the next update."""
MOST = 200
_WANTED = {
    State.OPEN: UpdateStatus.INVESTIGATING,
    State.ACKNOWLEDGED: UpdateStatus.INVESTIGATING,
    State.IDENTIFIED: UpdateStatus.IDENTIFIED,
    State.MONITORING: UpdateStatus.MONITORING,
    State.RESOLVED: UpdateStatus.RESOLVED,
    State.CLOSED: UpdateStatus.RESOLVED,
}
_RANK = tuple(UpdateStatus)
_AFTER = (UpdateStatus.MONITORING, UpdateStatus.RESOLVED)
_WORDS = {
    Severity.SEV1: "a major outage affecting",
    Severity.SEV2: "problems with",
    Severity.SEV3: "degraded performance of",
    Severity.SEV4: "minor problems with",
}


def status_update_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when a template or a reminder is due; None: neither."""
    if wanted_status(incident, policy) is not None:
        return incident.severity_at or incident.opened_at
    return min((at for _, at in _owed(incident)), default=None)


def publish_status_update(draft: Transition, policy: Policy) -> None:
    """Publish or draft an update for the state; remind of an overdue draft and of a promised update."""
    follow_up(draft, policy)
    late = [update for update, at in _owed(draft.incident) if at <= draft.now]
    if not late:
        return
    texts = [
        f"draft {one.n} ({one.status}) is waiting for approval: the public update was due at {_clock(one.deadline)}"
        if one.waits
        else f"the next public update was promised for {_clock(one.next_update)}"
        for one in late
    ]
    lead = draft.incident.roles.communications_lead
    data = {"updates": [one.n for one in late], "people": [lead] if lead else []}
    draft.add(Kind.STATUS_DUE, "due", "; ".join(texts), data, policy.informs)


def wanted_status(incident: Incident, policy: Policy) -> UpdateStatus | None:
    """Return the status that a template is due for now; None: none.

    Nothing is published for a drill, for an incident that is held or part of another one, or for one that customers do
    not see. After the first published update, further updates follow at any severity: when it gets worse, when a fix
    fails (once, even if alerts flap), and when it ends. A person's update of the same status or a later one is kept.
    """
    status = _WANTED[incident.state]
    if incident.drill or len(incident.updates) >= MOST:
        return None
    known = any(one.published_at for one in incident.updates)
    # An incident that was never published needs no end.
    if not known and (status in _AFTER or not _concerns_public(incident, policy)):
        return None
    written = [one for one in incident.updates if one.round == incident.reopened]
    if any(_says(one, status, incident, policy) for one in written):
        newest = written[-1]
        relapsed = status not in _AFTER and newest.status is UpdateStatus.MONITORING and not newest.waits
        return status if relapsed else None
    return status


def publishes_automatically(incident: Incident, policy: Policy) -> bool:
    """Return whether updates of `incident` are published without approval."""
    return policy.called(incident).publish is Publish.AUTO and _concerns_public(incident, policy)


def _concerns_public(incident: Incident, policy: Policy) -> bool:
    # Whether the policy publishes it. Updates of a merged incident may still be published.
    part = incident.parent is not None and not incident.merged
    held = incident.held is not None and queued_until(incident) is None
    if incident.drill or incident.storm or held or part or incident.private:
        return False
    plan, seen = policy.called(incident), policy.visible(incident.labels, incident.decision.scope)
    return plan.publish is not None and seen is not False and (plan.publish_when is None or seen is True)


def _says(one: StatusUpdate, status: UpdateStatus, incident: Incident, policy: Policy) -> bool:
    # Whether `one` already says as much.
    if _RANK.index(one.status) < _RANK.index(status):
        return False
    if one.template and one.waits and publishes_automatically(incident, policy):
        return False
    worse = one.severity is not None and incident.severity.worse_than(one.severity)
    return not worse or status in _AFTER


def update_recipients(policy: Policy, update: StatusUpdate) -> tuple[Destination, ...]:
    """Return the destinations of `update`: chat for every one, the public and support for a published one."""
    if update.published_at is None:
        return policy.informs
    return (*policy.informs, *policy.public, *policy.support)


def published_where(policy: Policy) -> str:
    """Return `published`, with where if no channel passes it on: then the built-in page alone shows it."""
    return "published" if policy.public else "published on the built-in status page only"


def number_of(incident: Incident) -> int:
    """Return the number of the next update, which replaces a pending draft of the service's own."""
    waiting = (one.n for one in incident.updates if one.template and one.waits)
    return next(waiting, len(incident.updates) + 1)


def follow_up(draft: Transition, policy: Policy) -> None:
    """Add the public update for the new state to the same decision, so that readers see it at once."""
    status = wanted_status(draft.incident, policy)
    if status is not None:
        _template(draft, status, policy)


def components_of(incident: Incident, policy: Policy) -> tuple[str, ...]:
    """Return the ids of the components of the incident's labels, and of incidents that were merged into it."""
    return tuple(name for name, _ in _concerned(incident, policy))


def inherited(child: Incident, policy: Policy) -> tuple[str, ...]:
    """Return the published components of `child`, which the incident that it is merged into takes over."""
    newest = max((one for one in child.updates if one.published_at), key=_newest, default=None)
    return (newest.components or components_of(child, policy)) if newest else ()


def deadline_of(incident: Incident, policy: Policy, now: datetime) -> datetime | None:
    """Return the deadline of a draft written at `now`; None: it has none.

    The deadline of the first update counts from when the incident got its severity, that of a later one from now.
    """
    within = policy.called(incident).publish_within
    if within is None or not _concerns_public(incident, policy):
        return None
    if any(one.published_at for one in incident.updates if one.round == incident.reopened):
        return now + timedelta(seconds=within)
    return max((incident.severity_at or incident.opened_at) + timedelta(seconds=within), now)


def update_obsolete(update: StatusUpdate, incident: Incident) -> str | None:
    """Return why `update` can no longer be published, and what to do instead; None if it can."""
    if incident.drill:
        return "it is a drill: nothing about it is public"
    if incident.state.over and update.status is not UpdateStatus.RESOLVED:
        return f"it is {incident.state}: use resolved, or reopen it"
    since = [one for one in incident.updates if one.published_at and one.published_at > update.at]
    later = [one for one in since if _RANK.index(one.status) > _RANK.index(update.status)]
    return f"{later[-1].status} has been published since: write a new update" if later else None


def refresh_draft(update: StatusUpdate, incident: Incident, policy: Policy, now: datetime) -> StatusUpdate:
    """Return a draft as it is published at `now`: templates get new times, a person's text stays as it is."""
    if not update.template:
        return update
    fresh = {"text": template(update.status, incident, policy, now), "components": components_of(incident, policy)}
    coming = None if update.next_update is None else now + TYPICALLY
    return update.model_copy(update={**fresh, "next_update": coming, "severity": incident.severity})


def template(status: UpdateStatus, incident: Incident, policy: Policy, now: datetime) -> str:
    """Return the template for `status`, filled with names of components and times."""
    names = ", ".join(name for _, name in _concerned(incident, policy)) or policy.product
    about = f"{_WORDS[incident.severity]} {names}"
    if status is UpdateStatus.INVESTIGATING:
        return f"We are currently investigating reports of {about}. Next update: {_clock(now + TYPICALLY)}."
    if status is UpdateStatus.IDENTIFIED:
        words = f"We have identified the cause of {about} and are working on a fix."
        return f"{words} Next update: {_clock(now + TYPICALLY)}."
    if status is UpdateStatus.MONITORING:
        due = f"Next update: {_clock(now + TYPICALLY)}."
        return f"A fix for {about} has been implemented, and we are monitoring the results. {due}"
    if incident.merged:
        return "We are continuing to work on this issue as part of another incident."
    began, ended = incident.started_at, incident.resolved_at or now
    seconds = max(0, round((ended - began).total_seconds()))
    lasted = f"{seconds} s" if seconds < 60 else f"{round(seconds / 60)} min"
    return (
        f"The issue affecting {names} has been resolved. Duration: {_clock(began)} to {_clock(ended)} ({lasted}). "
        "We apologize for any inconvenience caused."
    )


def _template(draft: Transition, status: UpdateStatus, policy: Policy) -> None:
    incident = draft.incident
    at_once = publishes_automatically(incident, policy)
    update = StatusUpdate(
        n=number_of(incident),
        status=status,
        text=template(status, incident, policy, draft.now),
        components=components_of(incident, policy),
        next_update=None if status is UpdateStatus.RESOLVED else draft.now + TYPICALLY,
        by="receiver",
        at=draft.now,
        published_at=draft.now if at_once else None,
        deadline=None if at_once else deadline_of(incident, policy, draft.now),
        template=True,
        round=incident.reopened,
        severity=incident.severity,
    )
    data = {"update": update.model_dump(mode="json")}
    word = published_where(policy) if at_once else f"draft {update.n}, waiting for approval"
    draft.add(
        Kind.STATUS_UPDATE, "template", f"{status} ({word}): {update.text}", data, update_recipients(policy, update)
    )


def _concerned(incident: Incident, policy: Policy) -> list[tuple[str, str]]:
    # Id and name of each component.
    more = {name: policy.parts[name] for name in incident.parts if name in policy.parts}
    return list({**dict(policy.components(incident.labels)), **more}.items())


def _newest(update: StatusUpdate) -> tuple[datetime, int]:
    return update.published_at or update.at, update.n


def _owed(incident: Incident) -> list[tuple[StatusUpdate, datetime]]:
    # Drafts past their deadline, and the newest published update if its next update is overdue.
    out = [one for one in incident.updates if one.published_at is not None]
    found = [
        (one, one.deadline)
        for one in incident.updates
        if one.waits
        and one.deadline
        and not one.reminded
        and not published_since(one, out)
        # No one is asked to approve a draft that would be refused, such as a draft of a merged incident.
        and update_obsolete(one, incident) is None
    ]
    newest = max(out, key=_newest, default=None)
    watched = newest is not None and not incident.state.over and incident.held is None
    if watched and newest is not None and newest.next_update is not None and not newest.reminded:
        found.append((newest, newest.next_update))
    return found


def published_since(draft: StatusUpdate, out: list[StatusUpdate]) -> bool:
    """Return whether one of `out`, the published updates, says as much as `draft`."""
    rank = _RANK.index(draft.status)
    return any(one.published_at and one.published_at >= draft.at and _RANK.index(one.status) >= rank for one in out)


def _clock(moment: datetime | None) -> str:
    return f"{rfc3339(moment)[:16].replace('T', ' ')} UTC" if moment else "-"
