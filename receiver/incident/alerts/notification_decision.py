"""What a notification does to an incident: it opens, gains alerts, reopens or ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from receiver.incident.alerts.foreign_resolves import report_ignored_ends
from receiver.incident.alerts.incident_opening import IncidentOpening
from receiver.incident.alerts.notification_update import NotificationUpdate
from receiver.incident.log.alert_membership import FOREIGN, ended, ignored_ends, sender, tombstones
from receiver.incident.log.alert_membership import counts as counts_of
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, NotificationPart, Outcome
from receiver.incident.paging.page_responders import adopt_pages
from receiver.incident.paging.policy import Policy
from receiver.model.alert.alert import NO_TIME, Alert
from receiver.model.base import to_ms
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State

REPLAY = timedelta(hours=1)
"""How long the end of an alert is kept, so that a late or replayed firing notification is recognized."""


def on_notification(
    part: NotificationPart, view: KeyState, policy: Policy, uid: str, now: datetime, adopted: Sequence[Page] = ()
) -> IntakeDecision:
    """Decide what a notification does.

    `uid` is used if an incident is opened. `adopted`: emergency pages that were already sent. `policy`: the top level's
    policy; for the alerts of a team, the team's own policy decides.
    """
    live, held = _sift(part, view, now)
    top, policy = policy, policy.of(view.incident) if view.incident else policy.for_team(part.team)
    if adopted and (done := [alert for alert in live if ended_since(alert, view)]):
        live = [alert for alert in live if alert not in done]
        if not live:
            return _adopt_ended(part, view, top, uid, now, done, adopted)
    incident = view.incident
    over = incident is None or incident.state.over
    if over and not live:
        verdict = _nothing_fires(part, view, now)
    elif incident is not None and over and not adopted and all(_put_down(a, part, view, incident) for a in live):
        # A person closed the incident while these alerts fired: the key stays with it until they end or another alert
        # fires.
        verdict = _nothing_fires(part, view, now)
        verdict.outcome, verdict.reason = Outcome.DUPLICATE, "closed_by_person"
    elif incident is not None and (not over or _reopens(incident, policy, now)):
        verdict = NotificationUpdate(part, view, policy, now, incident, live, held).decide(adopted)
    else:
        verdict = IncidentOpening(part, view, top.for_team(part.team), uid, now, live).open(adopted)
    verdict.held = held
    if held and not live and verdict.outcome is Outcome.IGNORED:
        verdict.reason = "held"
    return verdict


def _sift(part: NotificationPart, view: KeyState, now: datetime) -> tuple[list[Alert], list[Alert]]:
    # Firing takes precedence, but an alert that fires with the startsAt of its own end may be a late copy: it waits 60
    # s.
    live: list[Alert] = []
    held: list[Alert] = []
    named = {alert.fingerprint for alert in part.alerts}
    for alert in part.alerts:
        if alert.firing and not (part.late and ended_since(alert, view)):
            (held if not part.released and _replayed(alert, view, now) else live).append(alert)
    # A missing alert has not ended: a held alert that this notification does not contain keeps waiting. Only if its
    # whole group has ended was it a late copy, from an Alertmanager that its peer had not yet updated.
    over = not part.truncated and not any(alert.firing for alert in part.alerts)
    if not part.released and not over:
        held.extend(alert for alert in view.held if alert.fingerprint not in named)
    return live, held


def _replayed(alert: Alert, view: KeyState, now: datetime) -> bool:
    record = view.records.get(alert.fingerprint)
    if record is not None:
        recent = to_ms(now) - record.seen_ms < REPLAY.total_seconds() * 1000
        return not record.firing and recent and to_ms(alert.starts_at) <= record.starts_ms
    tomb = view.tombs.get(alert.fingerprint)
    return tomb is not None and to_ms(alert.starts_at) <= tomb


def _put_down(alert: Alert, part: NotificationPart, view: KeyState, incident: Incident) -> bool:
    # Whether a person closed `incident` despite this `alert`. Alertmanager does not report an end if the alert fires
    # again immediately, or if it lost the alert in a restart: an alert that began after the closing is new. And if an
    # alert is more severe than ever before, the person who closed the incident did not see that.
    record, over = view.records.get(alert.fingerprint), incident.resolved_at or incident.closed_at
    if record is None or not record.firing:
        return False
    starts, severity = to_ms(alert.starts_at), part.decisions[alert.fingerprint].severity
    anew = starts > record.starts_ms and over is not None and alert.starts_at > over
    return not anew and not (severity.worse_than(record.severity) and severity.worse_than(incident.severity))


def _reopens(incident: Incident, policy: Policy, now: datetime) -> bool:
    if incident.state is not State.RESOLVED or incident.resolved_at is None:
        return False
    return now - incident.resolved_at <= policy.reopen_within


def _nothing_fires(part: NotificationPart, view: KeyState, now: datetime) -> IntakeDecision:
    over = [alert for alert in part.alerts if not alert.firing]
    verdict = IntakeDecision(Outcome.IGNORED, "nothing_open", tombs=tombstones(part, view.records))
    known = {
        a.fingerprint: ended(view.records[a.fingerprint], a, now, part.sender)
        for a in over
        if a.fingerprint in view.records
    }
    changed = {name: record for name, record in known.items() if record != view.records[name]}
    if view.incident is not None and changed:
        # Alerts of an incident that a person closed have ended, so its key is free again.
        draft = Transition(view.incident, sender(part), now)
        records = {**view.records, **changed}
        draft.add(Kind.UPDATED, "alerts_ended", f"{len(changed)} alerts ended", counts_of(draft.incident, records))
        verdict.incident, verdict.events, verdict.records = draft.incident, draft.events, changed
        verdict.freed = list(changed)
    elif view.incident is not None and ignored_ends(part, view.records):
        draft = Transition(view.incident, sender(part), now)
        verdict.ignored = len(report_ignored_ends(draft, part, view.records))
        verdict.reason, verdict.events = FOREIGN, draft.events
        verdict.incident = draft.incident if draft.events else None
    return verdict


def ended_since(alert: Alert, view: KeyState) -> bool:
    """Return whether a record or a tombstone says that `alert` has ended, at or after this beginning of it.

    If its beginning is unknown, the alert counts as firing.
    """
    if alert.starts_at == NO_TIME:
        return False
    starts, record = to_ms(alert.starts_at), view.records.get(alert.fingerprint)
    if record is not None:
        return not record.firing and starts <= record.starts_ms
    return starts <= view.tombs.get(alert.fingerprint, -1)


def _adopt_ended(
    part: NotificationPart,
    view: KeyState,
    policy: Policy,
    uid: str,
    now: datetime,
    done: Sequence[Alert],
    adopted: Sequence[Page],
) -> IntakeDecision:
    # Alerts that were paged without the store have ended meanwhile: the pages are recorded and resolved, no one is
    # notified, and no incident stays open.
    if view.incident is not None:
        draft = Transition(view.incident, sender(part), now)
        adopt_pages(draft, adopted, again=True)
        return IntakeDecision(Outcome.UPDATED, "emergency", draft.incident, draft.events)
    return IncidentOpening(part, view, policy.for_team(part.team), uid, now, done).open_ended(adopted)
