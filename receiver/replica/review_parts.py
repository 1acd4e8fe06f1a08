"""Builds the review parts: reports, error budgets and the archive."""

from __future__ import annotations

from functools import partial

from receiver.incident.timers import BUDGET
from receiver.pipeline.review.error_budgets import ErrorBudgets
from receiver.pipeline.review.incident_archive import NAME as ARCHIVE
from receiver.pipeline.review.incident_archive import IncidentArchive
from receiver.pipeline.review.incident_compression import NAME as COMPRESS
from receiver.pipeline.review.incident_compression import IncidentCompression
from receiver.pipeline.review.reports import NAME as MONTHLY
from receiver.pipeline.review.reports import Reports
from receiver.replica.base import ReplicaBase
from receiver.store.incidents.incident_archive import Archive
from receiver.store.incidents.incident_compressor import IncidentCompressor
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.replica_names import earlier_replicas


class ReviewParts(ReplicaBase):
    """Adds the parts of `pipeline/review/`."""

    def build_review_parts(self) -> None:
        """Build the parts, and register their timers."""
        self.review_records = ReviewRecordReader(self.connection)
        self.budgets = ErrorBudgets(self.active, self.incidents, self.intake, self.source_client)
        self.work.timers.incident_timers[BUDGET] = self.budgets.on_timer
        self.reports = Reports(self.active, self.review_records, self.due, self.clock, self.metrics, self.budgets)
        self.work.timers.service_timers[MONTHLY] = self.reports.post
        self.intake.absorbed = self.reports.absorb
        self.incident_archive = IncidentArchive(self.active, Archive(self.connection), self.incidents)
        self.work.timers.service_timers[ARCHIVE] = self.incident_archive.on_timer
        self.incident_compression = IncidentCompression(
            self.active, IncidentCompressor(self.connection), partial(earlier_replicas, self.connection)
        )
        self.work.timers.service_timers[COMPRESS] = self.incident_compression.on_timer
