"""The error budget of an objective: which part of it the time of incidents has spent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from receiver.review.review_record import ReviewRecord
from receiver.review.review_settings import Budget

MERGE_AT = 512
"""Maximum number of separate spans of time: a month with many incidents has few gaps between them."""


class Spent:
    """The spent error budget of an objective; overlapping time counts once."""

    def __init__(self, budget: Budget, until: datetime) -> None:
        """The window ends with `until`."""
        self.budget = budget
        self.until = until
        self.begins = until - budget.window
        self._parts: list[tuple[datetime, datetime]] = []
        self._merge_at = MERGE_AT

    def see(self, one: ReviewRecord) -> None:
        """Count the time of one incident within the window."""
        if self.budget.severities and one.severity not in self.budget.severities:
            return
        first, last = max(one.since, self.begins), min(one.ended or self.until, self.until)
        if first < last:
            self._parts.append((first, last))
        if len(self._parts) >= self._merge_at:
            self._parts = _merged(self._parts)
            self._merge_at = max(MERGE_AT, 2 * len(self._parts))

    def told(self) -> dict[str, Any]:
        """Return the budget as JSON: seconds, and the remaining fraction."""
        spent = sum((last - first).total_seconds() for first, last in _merged(self._parts))
        window = self.budget.window.total_seconds()
        allowed = window * (1 - self.budget.target)
        return {
            "name": self.budget.name,
            "target": round(self.budget.target, 9),
            "window": window,
            "allowed": round(allowed, 3),
            **spent_of(spent, allowed),
            "by": "incidents",
        }


def _merged(parts: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return the same time as ordered spans that do not overlap."""
    found: list[tuple[datetime, datetime]] = []
    for first, last in sorted(parts):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def spent_of(spent: float, allowed: float) -> dict[str, float]:
    """Return the spent part of a budget of `allowed` seconds, and the remaining part, from 0 to 1."""
    remaining = 1 - spent / allowed if allowed else (0.0 if spent else 1.0)
    return {"spent": round(spent, 3), "remaining": round(min(1.0, max(0.0, remaining)), 6)}
