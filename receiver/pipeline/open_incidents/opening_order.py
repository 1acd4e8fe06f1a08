"""Open incidents ordered by severity and opening time, updated as they open and end."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.severity import Severity

Row = tuple[int, str]


class OpeningOrder:
    """One sorted list for each severity. Adding and removing cost a binary search and a memory move."""

    def __init__(self) -> None:
        """Create it empty."""
        self._rows: dict[Severity, list[Row]] = {severity: [] for severity in Severity}

    def add(self, summary: IncidentSummary) -> None:
        """Add an incident that is not here yet."""
        insort(self._rows[summary.severity], (summary.opened_ms, summary.uid))

    def remove(self, summary: IncidentSummary) -> None:
        """Remove an incident with the values it was added with."""
        rows, row = self._rows[summary.severity], (summary.opened_ms, summary.uid)
        place = bisect_left(rows, row)
        if place < len(rows) and rows[place] == row:
            del rows[place]

    def worst_first(self, *, oldest: bool = False) -> Iterator[str]:
        """Return the uids, the most severe first; within a severity the newest first, or the `oldest`.

        Changes during the iteration may or may not be seen: do not keep the iterator over an await.
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
        """Remove all."""
        for rows in self._rows.values():
            rows.clear()
