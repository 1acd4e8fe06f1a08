"""Builds the parts that follow alerts after arrival: Watchdog, storms, measurements, maintenance, reconciliation."""

from __future__ import annotations

from receiver.incident.timers import MEASURE, PAGE_HOURS, RULE, SHELTER, STORM
from receiver.pipeline.alerts.alert_rule_delay import AlertRuleDelay
from receiver.pipeline.alerts.alert_storm import StormTimer
from receiver.pipeline.alerts.alertmanager_reconciliation import NAME as RECONCILE
from receiver.pipeline.alerts.alertmanager_reconciliation import AlertmanagerReconciliation
from receiver.pipeline.alerts.maintenance_windows import MaintenanceWindows
from receiver.pipeline.alerts.measured_severity import SeverityMeasurement
from receiver.pipeline.alerts.queued_pages import QueuedPages
from receiver.pipeline.alerts.watchdog import NAME as WATCHDOG
from receiver.pipeline.alerts.watchdog import WatchdogTimer
from receiver.replica.base import ReplicaBase


class AlertParts(ReplicaBase):
    """Adds the parts of `pipeline/alerts/`."""

    def build_alert_parts(self) -> None:
        """Build the parts, and register their timers."""
        self.watchdog = WatchdogTimer(
            self.active, self.incidents, self.due, self.intake, self.metrics, lambda: self.able_since
        )
        self.intake.heartbeats.beaten = self.watchdog.beaten
        self.work.timers.service_timers[WATCHDOG] = self.watchdog.on_timer
        self.work.timers.incident_timers[STORM] = StormTimer(
            self.active, self.incidents, self.due, self.intake
        ).on_timer
        self.measure = SeverityMeasurement(self.active, self.incidents, self.intake, self.source_client, self.metrics)
        self.work.timers.incident_timers[MEASURE] = self.measure.on_timer
        self.intake.measured = self.measure.known
        self.alert_rule = AlertRuleDelay(self.active, self.incidents, self.intake, self.source_client)
        self.work.timers.incident_timers[RULE] = self.alert_rule.on_timer
        self.reconcile = AlertmanagerReconciliation(
            self.active, self.incident_cache, self.incidents, self.intake, self.source_client, self.metrics
        )
        self.work.timers.service_timers[RECONCILE] = self.reconcile.on_timer
        self.work.recovery.unchecked.check = self.reconcile.check
        self.maintenance_windows = MaintenanceWindows(
            self.active,
            self.shared_documents,
            self.read_shared_documents,
            self.incident_cache,
            self.incidents,
            self.intake,
        )
        self.work.timers.incident_timers[SHELTER] = self.maintenance_windows.on_timer
        queued = QueuedPages(self.active, self.incident_cache, self.incidents, self.intake)
        self.work.timers.incident_timers[PAGE_HOURS] = queued.on_timer
