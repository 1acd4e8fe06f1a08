"""Figures of many incidents, computed one incident at a time, so that a month needs memory only for its numbers."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from receiver.model.severity import Severity
from receiver.review.review_record import ReviewRecord
from receiver.review.review_settings import ReviewTargets

MINUTE, HOUR = 60.0, 3600.0


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Return mean, median and 90th percentile (interpolated), None if there are no values."""
    if not values:
        return {"mean": None, "median": None, "p90": None}
    ordered = sorted(values)
    return {
        "mean": round(statistics.fmean(ordered), 3),
        "median": round(_at(ordered, 0.5), 3),
        "p90": round(_at(ordered, 0.9), 3),
    }


def _at(ordered: Sequence[float], share: float) -> float:
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def share(part: int, whole: int) -> float | None:
    """Return a fraction from 0 to 1; None if the total is 0."""
    return round(part / whole, 6) if whole else None


@dataclass
class Figures:
    """The figures of the incidents in one time range."""

    total: int = 0
    in_storms: int = 0
    by_severity: Counter[str] = field(default_factory=Counter)
    detect: array[float] = field(default_factory=lambda: array("d"))
    acknowledge: array[float] = field(default_factory=lambda: array("d"))
    resolve: array[float] = field(default_factory=lambda: array("d"))
    asked: int = 0
    """Incidents whose response was due by now."""
    in_time: int = 0
    owed: int = 0
    """Post-mortems that are due: the incident is over."""
    final: int = 0
    promised: int = 0
    """Action items that were not dropped."""
    kept: int = 0

    def see(self, one: ReviewRecord, terms: ReviewTargets, now: datetime) -> None:
        """Count one incident."""
        self.total += 1
        self.in_storms += one.in_storm
        self.by_severity[one.severity] += 1
        if one.began is not None:
            self.detect.append(max(0.0, (one.opened - one.began).total_seconds()))
        if one.answered is not None:
            self.acknowledge.append(max(0.0, (one.answered - one.opened).total_seconds()))
        if one.ended is not None:
            self.resolve.append(max(0.0, (one.ended - one.opened).total_seconds()))
            if one.severity in terms.written:
                self.owed += 1
                self.final += one.final
        late = min(one.ended or now, now) > one.answer_by
        if one.answered is not None or late:
            self.asked += 1
            self.in_time += one.answered is not None and one.answered <= one.answer_by
        for item in one.actions:
            self.promised += item["status"] != "dropped"
            self.kept += item["status"] == "done"

    def told(self) -> dict[str, Any]:
        """Return the figures as JSON; durations in seconds."""
        return {
            "total": self.total,
            "part_of_storms": self.in_storms,
            "by_severity": {str(severity): self.by_severity.get(severity, 0) for severity in Severity},
            "mttd": spread(self.detect),
            "mtta": spread(self.acknowledge),
            "mttr": spread(self.resolve),
        }


def targets(month: Figures, sev1_in_quarter: int) -> list[dict[str, Any]]:
    """Return each figure with its target; `met` is None if there is no data."""

    def row(metric: str, target: str, actual: float | None, met: bool | None) -> dict[str, Any]:
        return {"metric": metric, "target": target, "actual": actual, "met": None if actual is None else met}

    detect, resolve = spread(month.detect)["mean"], spread(month.resolve)["mean"]
    written, kept = share(month.final, month.owed), share(month.kept, month.promised)
    in_time = share(month.in_time, month.asked)
    return [
        row("mttd", "< 5 min", detect, (detect or 0) < 5 * MINUTE),
        row("mttr", "< 1 h", resolve, (resolve or 0) < HOUR),
        row("incidents_per_month", "< 10", month.total, month.total < 10),
        row("sev1_per_quarter", "0", sev1_in_quarter, sev1_in_quarter == 0),
        row("postmortem_completion", "100 %", written, written == 1),
        row("action_item_completion", "> 90 %", kept, (kept or 0) > 0.9),
        row("acknowledged_in_time", "100 %", in_time, in_time == 1),
    ]
