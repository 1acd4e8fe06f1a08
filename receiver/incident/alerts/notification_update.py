"""Applies a notification to an incident that is open or reopens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from receiver.incident.alerts.alert_storm import join_storm, joins_storm, release_from_storm
from receiver.incident.alerts.foreign_resolves import report_ignored_ends
from receiver.incident.alerts.joined_alerts import join_alerts, mentioned_on_join
from receiver.incident.alerts.maintenance_hold import hold_for_maintenance, release_from_maintenance
from receiver.incident.alerts.monitored_incidents import begin_monitoring, end_monitoring
from receiver.incident.alerts.private_alerts import make_private_for
from receiver.incident.log.alert_membership import FOREIGN, LEAVES_AFTER, fired, sender, tombstones, worst_of
from receiver.incident.log.alert_membership import counts as counts_of
from receiver.incident.log.alert_membership import ended as ended_by
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, NotificationPart, Outcome
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.paging.page_responders import adopt_pages, page_responders
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.model.alert.alert import Alert
from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import TAKEN, State
from receiver.model.severity import Decision, Severity

_QUIET = (State.MONITORING, State.RESOLVED, State.CLOSED)


class NotificationUpdate:
    """One decision about an existing incident."""

    def __init__(
        self,
        part: NotificationPart,
        view: KeyState,
        policy: Policy,
        now: datetime,
        incident: Incident,
        live: Sequence[Alert],
        held: Sequence[Alert] = (),
    ) -> None:
        """`live`: firing alerts.

        `held`: alerts that fire, or that are late copies of ended alerts.
        """
        self.part, self.view, self.policy, self.now = part, view, policy, now
        self.live, self.held = live, held
        self.draft = Transition(incident, sender(part), now)
        self.before = view.records
        self.changed: dict[str, AlertRecord] = {}
        self.bodies: dict[str, Alert] = {}
        self.freed: list[str] = []
        self.adopted: Sequence[Page] = ()

    def decide(self, adopted: Sequence[Page]) -> IntakeDecision:
        """Return what the notification changes; `adopted` are emergency pages that were already sent."""
        self.adopted = adopted
        state = self.draft.incident.state
        joined = self.part.key not in self.draft.incident.keys
        fresh, ended = self._members()
        # First, so that all further events belong to an incident that only its team can see.
        make_private_for(self.draft, self.policy, self._new(fresh))
        gone = self._leaving()
        records = {name: r for name, r in {**self.before, **self.changed}.items() if name not in gone}
        counts = counts_of(self.draft.incident, records, len(gone)) | {"partial": self._partial()}
        outcome, reason = self._moved(state, fresh, ended, gone, counts, joined)
        adopt_pages(self.draft, adopted)
        raised = self._raise()
        if state in TAKEN:
            join_alerts(self.draft, self.policy, self._new(fresh), worse=raised)
        if self.live:
            release_from_maintenance(self.draft, self.policy, [alert.labels for alert in self.live])
        if self.part.truncated and ended and not counts["firing"]:
            self._report_truncation()
        over = not (counts["firing"] or counts["partial"] or self.held)
        if over and self.draft.incident.state not in _QUIET:
            outcome, reason = Outcome.RESOLVED, "all_alerts_ended"
            self._watch()
        moved = bool(self.draft.events or self.changed or joined)
        ignored = report_ignored_ends(self.draft, self.part, self.before, self.policy.informs)
        if not moved:
            outcome, reason = (Outcome.IGNORED, FOREIGN) if ignored else (Outcome.DUPLICATE, "duplicate")
        elif raised and outcome is Outcome.UPDATED:
            reason = "severity_raised"
        return self._decision(outcome, reason, gone, len(ignored))

    def _decision(self, outcome: Outcome, reason: str, gone: Sequence[str], ignored: int) -> IntakeDecision:
        return IntakeDecision(
            outcome,
            reason,
            self.draft.incident if self.draft.events or self.changed else None,
            self.draft.events,
            self.changed,
            self.bodies,
            gone,
            owners={a.fingerprint: self.view.owners.get(a.fingerprint, "") for a in self.live},
            freed=self.freed,
            tombs=tombstones(self.part, self.before),
            pointers={self.part.key: self.view.pointer},
            untomb=[a.fingerprint for a in self.live if a.fingerprint in self.view.tombs],
            ignored=ignored,
        )

    def _report_truncation(self) -> None:
        text = f"all alerts shown have ended, but {self.part.truncated} more were truncated: nothing is resolved"
        self.draft.add(Kind.PARTIAL_VIEW, "truncated", text, to=self.policy.informs)

    def _moved(
        self,
        state: State,
        fresh: Sequence[Alert],
        ended: Sequence[Alert],
        gone: Sequence[str],
        counts: dict[str, Any],
        joined: bool,
    ) -> tuple[Outcome, str]:
        outcome, reason = Outcome.UPDATED, "updated"
        if joined:
            counts["keys"] = [*self.draft.incident.keys, self.part.key]
            self.draft.add(Kind.JOINED, "fingerprints_held", "another group of the same alerts joined", counts)
        if state.over:
            outcome, reason = Outcome.REOPENED, self._reopen(counts)
        elif state is State.MONITORING and (fresh or self._began_anew()):
            reason = "refired"
            text = firing_again(counts["firing"])
            _, decision = worst_of(self.live, self.part)
            worse = decision.severity.worse_than(self.draft.incident.severity)
            sheltered = self.draft.incident.held or hold_for_maintenance(self.draft, self.policy, self._firing_labels())
            quiet = self.draft.incident.resume in (None, State.OPEN) and not (sheltered or worse or self.adopted)
            if quiet and joins_storm(self.view, self.policy, self.draft.incident.severity):
                reason = join_storm(self.draft, self.view.storm)
            end_monitoring(self.draft, self.policy, Kind.REFIRED, reason, text, counts, worse=worse)
        elif fresh or ended:
            people = mentioned_on_join(self.draft.incident, self.policy) if self._new(fresh) else []
            data = counts | ({"people": people} if people else {})
            self.draft.add(Kind.UPDATED, "alerts_changed", _moves(fresh, ended), data, self.policy.informs)
        elif counts["partial"] != list(self.draft.incident.partial) or gone:
            self.draft.add(Kind.UPDATED, "view_changed", "the alerts' labels or annotations have changed", counts)
        return outcome, reason

    def _new(self, fresh: Sequence[Alert]) -> list[Alert]:
        return [alert for alert in fresh if alert.fingerprint not in self.before]

    def _began_anew(self) -> bool:
        # Alerts of an incident that a person reported mitigated may keep firing and be sent again: they have not begun
        # anew.
        watched = self.draft.incident.monitoring_at
        return watched is not None and any(
            alert.starts_at > watched and to_ms(alert.starts_at) > self.before[alert.fingerprint].starts_ms
            for alert in self.live
        )

    def _members(self) -> tuple[list[Alert], list[Alert]]:
        fresh: list[Alert] = []
        ended: list[Alert] = []
        now_ms = to_ms(self.now)
        for alert in self.live:
            record = fired(alert, self.part.decisions[alert.fingerprint], now_ms, self.part.sender)
            known = self.before.get(alert.fingerprint)
            if known is None or not known.firing:
                fresh.append(alert)
            else:
                # startsAt may differ between Alertmanager peers and move back: the latest beginning is kept.
                later = self.part.sender.may_resolve(known.sender)
                starts = max(record.starts_ms, known.starts_ms) if later else known.starts_ms
                record = record._replace(starts_ms=starts, seen_ms=known.seen_ms, sender=known.sender)
            if record != known:
                self.changed[alert.fingerprint] = record
            if known is None or known.digest != record.digest:
                self.bodies[alert.fingerprint] = alert
        for alert in self.part.alerts:
            known = self.before.get(alert.fingerprint)
            if alert.firing or known is None or alert.fingerprint in self.changed:
                continue
            record = ended_by(known, alert, self.now, self.part.sender)
            if record != known:
                self.changed[alert.fingerprint] = record
                self.freed.append(alert.fingerprint)
                ended.append(alert)
        return fresh, ended

    def _leaving(self) -> list[str]:
        edge = to_ms(self.now - LEAVES_AFTER)
        return [
            name
            for name, record in self.before.items()
            if name not in self.changed and not record.firing and record.seen_ms < edge
        ]

    def _partial(self) -> list[str]:
        others = [group for group in self.draft.incident.partial if group != self.part.group]
        return [*others, self.part.group] if self.part.truncated else others

    def _reopen(self, counts: dict[str, Any]) -> str:
        # A key leads to one open incident: alerts that moved to another incident meanwhile stay there.
        counts["keys"] = [key for key in counts.get("keys", self.draft.incident.keys) if key not in self.view.lost]
        # Pages of the previous ring still have to be resolved, so they receive the reopening too.
        text = f"{firing_again(counts['firing'])} after the resolution"
        everybody = (*self.policy.informs, *pagers_of(self.draft.incident))
        self.draft.add(Kind.REOPENED, "reopened", text, counts, everybody)
        _, decision = worst_of(self.live, self.part)
        if decision.severity.worse_than(self.draft.incident.severity):
            self._raised(decision)
        if hold_for_maintenance(self.draft, self.policy, [alert.labels for alert in self.live]):
            return "reopened"
        if joins_storm(self.view, self.policy, self.draft.incident.severity) and not self.adopted:
            return join_storm(self.draft, self.view.storm)
        page_responders(self.draft, self.policy, "reopened")
        return "reopened"

    def _raise(self) -> bool:
        # An alert that had this severity before does not raise it again: a person may have lowered it since.
        louder = [
            alert
            for alert in self.live
            if (known := self.before.get(alert.fingerprint)) is None
            or not known.firing
            or known.severity is not self.part.decisions[alert.fingerprint].severity
        ]
        if not louder:
            return False
        _, decision = worst_of(louder, self.part)
        if not decision.severity.worse_than(self.draft.incident.severity):
            return False
        self._raised(decision)
        if self.draft.incident.held is None or queued_until(self.draft.incident) is not None:
            # A window that covers every firing alert also holds these pages until it ends.
            hold_for_maintenance(self.draft, self.policy, self._firing_labels())
        page_responders(self.draft, self.policy, "severity_raised")
        return True

    def _firing_labels(self) -> list[Mapping[str, str]]:
        fires = {name for name, record in {**self.before, **self.changed}.items() if record.firing}
        known = {**self.view.labels, **{alert.fingerprint: alert.labels for alert in self.live}}
        # An alert with unknown labels is in no window, so the incident as a whole is in none either.
        return [known[name] for name in sorted(fires)] if fires <= known.keys() else []

    def _raised(self, decision: Decision) -> None:
        why = "; ".join(decision.reasons) or decision.rule
        text = f"severity raised from {self.draft.incident.severity} to {decision.severity} by {decision.rule}: {why}"
        # Open pages contain the severity too, and move to the urgent lane with it.
        to = (*self.policy.informs, *pagers_of(self.draft.incident))
        self.draft.add(
            Kind.SEVERITY_RAISED, "severity_raised", text, {"decision": decision.model_dump(mode="json")}, to
        )
        if decision.severity is Severity.SEV1:
            release_from_storm(self.draft, self.policy, "severity_raised")

    def _watch(self) -> None:
        minutes = self.policy.monitor_for.total_seconds() / 60
        text = f"all alerts have ended; monitoring for {minutes:g} min"
        begin_monitoring(self.draft, self.policy, "all_alerts_ended", text)


def _moves(fresh: Sequence[Alert], ended: Sequence[Alert]) -> str:
    said = []
    for alerts, verb in ((fresh, "joined"), (ended, "ended")):
        if alerts:
            names = list(dict.fromkeys(alert.name[:200] for alert in alerts))
            more = f" and {len(names) - 5} more names" if len(names) > 5 else ""
            said.append(f"{len(alerts)} {verb}: {', '.join(names[:5])}{more}")
    return "; ".join(said)


def firing_again(count: int) -> str:
    """Return the timeline's text for this number of alerts."""
    return "1 alert is firing again" if count == 1 else f"{count} alerts are firing again"
