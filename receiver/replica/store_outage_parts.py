"""Builds the parts that page people while the store is unavailable, and end a process that hangs."""

from __future__ import annotations

from pathlib import Path

from receiver.pipeline.store_outage.emergency_escalation import EmergencyEscalation
from receiver.pipeline.store_outage.emergency_pages import EmergencyPages
from receiver.pipeline.store_outage.refused_notification_attempts import RefusedNotificationAttempts
from receiver.pipeline.store_outage.refused_notification_retries import RefusedNotificationRetries
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.unfinished_at_exit import UnfinishedAtExit, end_process
from receiver.pipeline.worker.hang_detector import HangDetector
from receiver.replica.base import ReplicaBase
from receiver.store.refused_notifications_file import RefusedNotificationsFile


class StoreOutageParts(ReplicaBase):
    """Adds the parts of `pipeline/store_outage/`, and the detector of a hanging or suspended process."""

    def build_store_outage_parts(self) -> None:
        """Build the parts, and connect them to the monitor, the intake and the work loop."""
        self.pages = EmergencyPages(self.incident_cache, self.clock, self.metrics)
        self.refused = RefusedNotifications(self.active, self.pages, self.clock)
        attempts = RefusedNotificationAttempts(
            self.active, self.refused, self.intake, self.monitor, self.clock, self.metrics
        )
        attempts.doubted_groups = self.work.unconfirmed.groups
        self.refused_retries = RefusedNotificationRetries(self.active, self.refused, attempts, self.monitor, self.clock)
        self.refused_retries.in_doubt = self.work.unconfirmed.uids
        file = RefusedNotificationsFile(Path(self.config.redis.data_dir)) if self.embedded is not None else None
        self.owed = UnfinishedAtExit(self.refused, file)
        self.hang_detector = HangDetector(
            self.clock, self.supervisor.longest_down, lambda reason: end_process(reason, self.owed)
        )
        self.monitor.stood_still_until = self.hang_detector.stood_still_until
        self.work.unstored.stood_still_until = self.hang_detector.stood_still_until
        self.pages.doubtful = lambda: self.monitor.away and not self.monitor.surely_away
        self.intake.writer.adopting = lambda: len(self.refused)
        self.refused_retries.spawn = self.pages.spawn = self.work.spawn
        self.work.deliver.sent_before = self.pages.accepted_lately
        self.work.steps = EmergencyEscalation(
            self.active, self.work.snapshots, self.pages, self.intake, self.monitor, self.source_client, self.clock
        )
        self.work.steps.spawn = self.work.spawn
