"""Series that exist from the start: `rate()` over a series that appears later misses its first increase."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import prometheus_client

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Buckets in seconds for requests that the service receives or sends."""


class _KnownSeries:
    """Mixin for metrics whose series stay: each is found by its labels in a dictionary.

    The library takes a lock and converts all labels to text each time, and an opening with its page needs nine lookups.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._known: dict[tuple[Any, ...], Any] = {}

    def labels(self, *values: Any, **named: Any) -> Any:
        if named:
            return super().labels(*values, **named)  # type: ignore[misc]
        found = self._known.get(values)
        if found is None:
            found = self._known[values] = super().labels(*values)  # type: ignore[misc]
        return found


class Counter(_KnownSeries, prometheus_client.Counter):
    """A counter."""


class Histogram(_KnownSeries, prometheus_client.Histogram):
    """A histogram."""


def start_at_zero(counter: Counter, values: Iterable[str]) -> None:
    """Export 0 for each value of the only label of `counter`."""
    for value in values:
        counter.labels(value)
