"""Data that people enter after an incident: versions of the post-mortem, and corrected times."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from receiver.model.base import Kept


class ReviewStatus(StrEnum):
    """The status of a post-mortem."""

    DRAFT = "draft"
    FINAL = "final"


class PostmortemVersion(Kept):
    """The newest version of a post-mortem by a person; its text is in the log."""

    version: int
    """Counts from 1."""
    status: ReviewStatus
    by: str
    at: datetime


class CorrectedTime(StrEnum):
    """The times of an incident that people may correct, in chronological order.

    The opening time is excluded, because the service itself opened it, and it determines the month of reports.
    """

    IMPACT_BEGAN = "impact_began"
    ALERT_FIRED = "alert_fired"
    NOTIFIED = "notified"
    PAGED = "paged"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    IDENTIFIED = "identified"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
