"""What people write when it is over: the post-mortem's versions, and the clocks that they have set right."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from receiver.model.base import Kept


class ReviewStatus(StrEnum):
    """How far a post-mortem is (the seed's template: Draft / Final)."""

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
    """The moments of an incident that people may know better than the log does, in the order of its life.

    When it was opened is what the service itself has done, and the month that it counts in: nobody knows that better.
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
