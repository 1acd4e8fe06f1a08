"""Open incidents by severity and time of opening, kept in order as they come and go."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.severity import Severity

Row = tuple[int, str]


class OpeningOrder:
    """One sorted list for each severity. Adding and removing costs a binary search and a move of memory."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._rows: dict[Severity, list[Row]] = {severity: [] for severity in Severity}

    def add(self, summary: IncidentSummary) -> None:
        """Take in an incident that is not here."""
        insort(self._rows[summary.severity], (summary.opened_ms, summary.uid))

    def remove(self, summary: IncidentSummary) -> None:
        """Take out an incident as it was added."""
        rows, row = self._rows[summary.severity], (summary.opened_ms, summary.uid)
        place = bisect_left(rows, row)
        if place < len(rows) and rows[place] == row:
            del rows[place]

    def worst_first(self, *, oldest: bool = False) -> Iterator[str]:
        """Return the uids, the most severe first; within a severity the newest first, or the `oldest`.

        What comes or goes meanwhile may be seen or not: do not keep the iterator over an await.
        """
        for severity in sorted(Severity, key=lambda one: one.rank):
            rows = self._rows[severity]
            yield from (uid for _, uid in (rows if oldest else reversed(rows)))

    def oldest_first(self) -> Iterator[str]:
        """Return the uids as they are now, the oldest first: this iterator may be kept over an await."""
        return (uid for _, uid in merge(*(list(rows) for rows in self._rows.values())))

    def newest_first(self, before: Row | None = None) -> Iterator[str]:
        """Return the uids as they are now, the newest first, only those `before` a time and uid, exclusive.

        This iterator may be kept over an await.
        """
        parts = [rows if before is None else rows[: bisect_left(rows, before)] for rows in self._rows.values()]
        return (uid for _, uid in merge(*(rows[::-1] for rows in parts), reverse=True))

    def clear(self) -> None:
        """Forget all."""
        for rows in self._rows.values():
            rows.clear()
