"""What a notification does to an incident: (what is known, what came in, now) -> events with a reason."""

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
"""An end is remembered this long against a late or replayed beginning (reliability W3)."""


def on_notification(
    part: NotificationPart, view: KeyState, policy: Policy, uid: str, now: datetime, adopted: Sequence[Page] = ()
) -> IntakeDecision:
    """Decide what a notification does.

    `uid` is used if it opens an incident; `adopted` are emergency pages that were sent already. `policy` is that of the
    top level: what a team owns is decided by the team's view.
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
        # Closed by a person while these alerts fired: the key stays held until they clear or another one fires.
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
    # Firing wins, but an alert that fires with the startsAt of its own end may be a late copy: it waits for 60 s.
    live: list[Alert] = []
    held: list[Alert] = []
    named = {alert.fingerprint for alert in part.alerts}
    for alert in part.alerts:
        if alert.firing and not (part.late and ended_since(alert, view)):
            (held if not part.released and _replayed(alert, view, now) else live).append(alert)
    # Absence ends nothing: what was held and is not named in this notification goes on waiting. Only where all of its
    # group has ended it was a late copy, of an Alertmanager that had not heard yet what the other one has told.
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
    # Whether a person has closed `incident` over what `alert` says. Alertmanager does not tell of an end that a new
    # beginning follows at once, nor of one that it has forgotten in a restart: what began after the closing is new. And
    # what grows worse than it ever was has not been seen by whoever closed it.
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
        # Alerts of an incident that a person closed: they clear, so its key is free again.
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

    Of one whose beginning is not known nobody can say so: firing wins.
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
    # What was paged without the store has ended meanwhile: the pages are recorded and resolved, nobody is notified, and
    # nothing stays open (surfaces.md, Delivery).
    if view.incident is not None:
        draft = Transition(view.incident, sender(part), now)
        adopt_pages(draft, adopted, again=True)
        return IntakeDecision(Outcome.UPDATED, "emergency", draft.incident, draft.events)
    return IncidentOpening(part, view, policy.for_team(part.team), uid, now, done).open_ended(adopted)
