"""Opens an incident for the firing alerts of a notification. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.incident.alerts.alert_start import alerts_began
from receiver.incident.alerts.alert_storm import join_storm, joins_storm
from receiver.incident.alerts.maintenance_hold import hold_for_maintenance
from receiver.incident.alerts.monitored_incidents import begin_monitoring
from receiver.incident.alerts.private_alerts import guarded_by_any
from receiver.incident.followup.action_item_reminders import recurrence, report_recurrence
from receiver.incident.log.alert_membership import counts, fired, sender, tombstones, worst_of
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, NotificationPart, Outcome
from receiver.incident.paging.page_responders import adopt_pages, page_responders
from receiver.incident.paging.planned_pages import episode_of
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.status_updates import follow_up
from receiver.incident.service_name import service_of
from receiver.incident.title import named
from receiver.model.alert.alert import Alert
from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import EscalationProgress


@dataclass(frozen=True)
class IncidentOpening:
    """Opens an incident for `alerts`, which are part of a notification."""

    part: NotificationPart
    view: KeyState
    policy: Policy
    """The policy of the team that owns the alerts."""
    uid: str
    now: datetime
    alerts: Sequence[Alert]

    def open(self, adopted: Sequence[Page]) -> IntakeDecision:
        """Return the opening, with the pages that it sends; `adopted`: pages that were sent without the store."""
        draft, records = self._begin(adopted)
        reason = "opened"
        # Maintenance first: a held incident is not part of a storm, and no storm pages for it.
        if hold_for_maintenance(draft, self.policy, [alert.labels for alert in self.alerts]):
            reason = "maintenance"
        elif joins_storm(self.view, self.policy, draft.incident.severity) and not adopted:
            reason = join_storm(draft, self.view.storm)
        page_responders(draft, self.policy, "opened")
        follow_up(draft, self.policy)
        return IntakeDecision(
            Outcome.OPENED,
            reason,
            draft.incident,
            draft.events,
            records,
            self._bodies(),
            owners={one.fingerprint: self.view.owners.get(one.fingerprint, "") for one in self.alerts},
            tombs=tombstones(self.part, {}),
            pointers={self.part.key: self.view.pointer},
            untomb=[one.fingerprint for one in self.alerts if one.fingerprint in self.view.tombs],
        )

    def open_ended(self, adopted: Sequence[Page]) -> IntakeDecision:
        """Return the opening of an incident whose alerts have ended, so that its `adopted` pages are resolved."""
        draft, firing = self._begin(adopted)
        moment = to_ms(self.now)
        records = {name: one._replace(firing=False, ends_ms=moment, seen_ms=moment) for name, one in firing.items()}
        text = "its alerts ended while pages were sent without the store"
        draft.add(Kind.UPDATED, "alerts_ended", text, counts(draft.incident, records))
        begin_monitoring(draft, self.policy, "all_alerts_ended", text)
        return IntakeDecision(
            Outcome.OPENED,
            "emergency",
            draft.incident,
            draft.events,
            records,
            self._bodies(),
            pointers={self.part.key: self.view.pointer},
        )

    def _bodies(self) -> dict[str, Alert]:
        return {alert.fingerprint: alert for alert in self.alerts}

    def _begin(self, adopted: Sequence[Page]) -> tuple[Transition, dict[str, AlertRecord]]:
        part = self.part
        now_ms = to_ms(self.now)
        records = {one.fingerprint: fired(one, part.decisions[one.fingerprint], now_ms, part.sender)
                   for one in self.alerts}  # fmt: skip
        totals = counts(None, records)
        incident = self._incident(totals)
        decision = incident.decision
        why = "; ".join(decision.reasons) or decision.rule
        owner = f"; {part.team_reason}" if part.team_reason else ""
        text = f"{decision.severity} by {decision.rule}: {why}{owner}"
        data = {"alerts": totals["names"]} | ({"team": part.team, "owner": part.team_reason} if owner else {})
        draft = Transition(None, sender(part), self.now)
        draft.open(incident, "opened", text, data, self.policy.informs)
        report_recurrence(draft, self.policy)
        adopt_pages(draft, adopted)
        return draft, records

    def _incident(self, totals: Mapping[str, Any]) -> Incident:
        part, policy, view = self.part, self.policy, self.view
        alert, decision = worst_of(self.alerts, part)
        labels = {name: value for name, value in alert.labels.items() if part.labels.get(name) == value}
        shared = labels or dict(alert.labels)
        private, visible_to = guarded_by_any(policy, (shared, *(one.labels for one in self.alerts)), part.team)
        # People who can read a public incident can also read its reference to the previous incident.
        before = view.incident if private or not (view.incident and view.incident.private) else None
        started_at, estimated = alerts_began(self.alerts, self.now, part.heard_since, policy.detect_at_most)
        return Incident(
            uid=self.uid,
            key=part.key,
            keys=(part.key,),
            episode=self._episode(),
            title=policy.title(named(alert, self.alerts, decision.severity, part.apart, part.receiver)),
            severity=decision.severity,
            service=service_of(alert.labels, policy.service_from),
            labels=shared,
            annotations=dict(alert.annotations),
            plan=policy.opening_plan(self.now),
            team=part.team,
            origin_team=part.team,
            team_reason=part.team_reason,
            ladder=EscalationProgress(since=self.now),
            decision=decision,
            opened_at=self.now,
            started_at=started_at,
            estimated=estimated,
            sender=part.sender.name,
            private=private,
            visible_to=visible_to,
            partial=(part.group,) if part.truncated else (),
            **recurrence(before, part.key, [one.name for one in self.alerts], [r.name for r in view.records.values()]),
            **{name: tuple(value) if isinstance(value, list) else value for name, value in totals.items()},
        )

    def _episode(self) -> int:
        # Two incidents with the same correlation key never share a page key: a late resolve of the first would end the
        # page of the second, and an alert that fires continuously keeps its old startsAt. Ended alerts in the
        # notification count too: a replica without the store may have paged for them before the group shrank.
        names = {alert.fingerprint for alert in self.alerts}  # by name: comparing 20,000 alerts pairwise takes minutes
        starts = (one.starts_at for one in self.part.alerts if one.fingerprint in names or not one.firing)
        episode, before = episode_of(starts), self.view.incident
        return max(episode, before.episode + 1) if before is not None and before.key == self.part.key else episode
