"""Builds further parts of intake: notification history, unknown severities, and superseded incidents."""

from __future__ import annotations

from receiver.incident.alerts.superseded_incidents import SUPERSEDED
from receiver.pipeline.intake.notification_history import NotificationHistory
from receiver.pipeline.intake.rule_hits import RuleHitCounter
from receiver.pipeline.intake.severity_unknowns import SeverityUnknowns
from receiver.pipeline.intake.superseded_incidents import SupersededIncidents
from receiver.replica.base import ReplicaBase
from receiver.store.notification_history import HistoryList
from receiver.store.rule_hits import RuleHitCounts
from receiver.store.severity_unknowns import UnknownsList


class IntakeParts(ReplicaBase):
    """Adds the parts of `pipeline/intake/`."""

    def build_intake_parts(self) -> None:
        """Build the parts, and connect them to the intake."""
        self.unknowns = SeverityUnknowns(UnknownsList(self.connection))
        self.intake.decisions.unsure = self.unknowns.note
        self.rule_hits = RuleHitCounter(RuleHitCounts(self.connection))
        self.intake.decisions.decided = self.rule_hits.note
        self.history = NotificationHistory(self.active, HistoryList(self.connection))
        self.intake.kept = self.history.keep
        superseded = SupersededIncidents(self.active, self.incidents, self.intake)
        self.work.timers.incident_timers[SUPERSEDED] = superseded.on_timer
