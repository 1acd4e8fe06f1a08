"""Incidents of a month by week and severity. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from receiver.model.severity import Severity
from receiver.review.review_settings import Month


class WeeklyCounts:
    """How many incidents opened in each week of a month; weeks begin on Monday, in the zone of the reports."""

    def __init__(self, month: Month, zone: str) -> None:
        """Every week with a day in `month` is included, even without an incident."""
        self.zone = ZoneInfo(zone)
        self.counts: dict[date, Counter[str]] = {}
        monday, last = self._monday(month.begins), self._monday(month.ends - timedelta(microseconds=1))
        while monday <= last:
            self.counts[monday] = Counter()
            monday += timedelta(days=7)

    def see(self, opened: datetime, severity: str) -> None:
        """Count an incident of the month."""
        self.counts[self._monday(opened)][severity] += 1

    def told(self) -> list[dict[str, Any]]:
        """Return the weeks, oldest first: the date of their Monday, and the number of new incidents by severity."""
        return [
            {
                "begins": monday.isoformat(), "total": counts.total(),
                "by_severity": {str(severity): counts[severity] for severity in Severity},
            }
            for monday, counts in self.counts.items()
        ]  # fmt: skip

    def _monday(self, moment: datetime) -> date:
        day = moment.astimezone(self.zone).date()
        return day - timedelta(days=day.weekday())
