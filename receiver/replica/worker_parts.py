"""Builds the parts that check that work is done: auditor, heartbeat, and deliveries of removed channels."""

from __future__ import annotations

from receiver.pipeline.delivery.channel_test import ChannelTest
from receiver.pipeline.delivery.orphaned_rows import OrphanedRows
from receiver.pipeline.worker.external_heartbeat import NAME as HEARTBEAT
from receiver.pipeline.worker.external_heartbeat import Heartbeat
from receiver.pipeline.worker.overdue_work_check import Auditor
from receiver.replica.base import ReplicaBase
from receiver.store.due.lane_owners import LaneOwners


class WorkerParts(ReplicaBase):
    """Adds the parts of `pipeline/worker/` and `pipeline/delivery/` outside the work loop."""

    def build_worker_parts(self) -> None:
        """Build the parts, and register their timers."""
        self.auditor = Auditor(self.active, self.work.follower, self.due, self.clock, self.metrics)
        self.heartbeat = Heartbeat(self.active, self.source_client, self.auditor.audit, self.work.deliver.health.paused)
        self.work.timers.service_timers[HEARTBEAT] = self.heartbeat.beat
        orphaned = OrphanedRows(
            self.active, LaneOwners(self.connection), self.due, self.incidents, self.work.deliver.results,
            lambda: self.config.off,
        )  # fmt: skip
        self.work.deliver.unknown_channel, self.work.check_orphaned_rows = orphaned.one, orphaned.check_lanes
        self.channel_test = ChannelTest(self.active, self.work.deliver.health, self.due, lambda: self.config.off)
