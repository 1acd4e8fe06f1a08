"""The condition of each component on each of the last 90 days, from published incidents. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from receiver.model.delivery.public_incident import Condition, Impact, PublicIncident

DAYS = 90
CONDITION_OF = {Impact.CRITICAL: Condition.MAJOR, Impact.MAJOR: Condition.PARTIAL, Impact.MINOR: Condition.DEGRADED}
WEIGHT = {Condition.MAJOR: 1.0, Condition.PARTIAL: 0.3}
"""The share of its time that a condition counts as downtime: three tenths for a partial outage, none for slowness."""
_BADNESS = tuple(Condition)
_MINUTE = timedelta(minutes=1)


class Day(NamedTuple):
    """One day (UTC) of one component."""

    day: date
    worst: Condition | None
    """None: there is no data for that day."""
    minutes: int
    """Minutes in which it was not operational, rounded up."""


class ComponentHistory(NamedTuple):
    """The last 90 days of one component, oldest first."""

    days: tuple[Day, ...]
    uptime: float
    """Percentage of the time with data, from 0 to 100."""

    @property
    def percent(self) -> str:
        """The uptime with two decimals, rounded down, so 100 means no downtime."""
        return f"{int(self.uptime * 100) / 100:.2f}"


class _Span(NamedTuple):
    begins: datetime
    ends: datetime
    condition: Condition


def component_history(
    component: str, incidents: Iterable[PublicIncident], since: datetime, now: datetime
) -> ComponentHistory:
    """Return the history of `component`. `since`: when complete data begins; earlier days have no data."""
    today = now.astimezone(UTC).date()
    first = datetime.combine(today - timedelta(days=DAYS - 1), datetime.min.time(), UTC)
    spans = _flattened([span for span in _spans(component, incidents, now) if span.ends > first])
    begin = max(first, min(since, now))
    # The first minute of an incident counts before it is over, so the period with data includes it.
    known = (max([now, *(span.ends for span in spans)]) - begin).total_seconds()
    down = sum(
        WEIGHT.get(span.condition, 0.0) * max(0.0, (span.ends - max(span.begins, begin)).total_seconds())
        for span in spans
    )
    days = tuple(_day(today - timedelta(days=DAYS - 1 - n), spans, begin.date()) for n in range(DAYS))
    return ComponentHistory(days, 100.0 * (1 - down / known) if known > 0 else 100.0)


def on_day(day: date, incidents: Iterable[PublicIncident], now: datetime) -> list[PublicIncident]:
    """Return the incidents that were open during a day (UTC)."""
    begins = datetime.combine(day, datetime.min.time(), UTC)
    ends = begins + timedelta(days=1)
    return [one for one in incidents if one.opened_at < ends and (one.resolved_at or now) > begins]


def _spans(component: str, incidents: Iterable[PublicIncident], now: datetime) -> list[_Span]:
    return [
        # An incident that has just begun is shown immediately.
        _Span(one.opened_at, max(one.opened_at + _MINUTE, one.resolved_at or now), CONDITION_OF[one.impact])
        for one in incidents
        if component in one.components and one.impact in CONDITION_OF
    ]


def _flattened(spans: Sequence[_Span]) -> list[_Span]:
    # Pieces that do not overlap, each with the worst condition of its time: no minute counts twice.
    edges = sorted({edge for span in spans for edge in (span.begins, span.ends)})
    pieces, ordered = [], sorted(spans)
    active: list[_Span] = []
    place = 0
    for begins, ends in pairwise(edges):
        while place < len(ordered) and ordered[place].begins <= begins:
            active.append(ordered[place])
            place += 1
        active = [span for span in active if span.ends > begins]
        if active:
            worst = max((span.condition for span in active), key=_BADNESS.index)
            pieces.append(_Span(begins, ends, worst))
    return pieces


def _day(day: date, spans: Sequence[_Span], since: date) -> Day:
    begins = datetime.combine(day, datetime.min.time(), UTC)
    ends = begins + timedelta(days=1)
    parts = [(span, min(span.ends, ends) - max(span.begins, begins)) for span in spans]
    inside = [(span, lasted) for span, lasted in parts if lasted > timedelta()]
    if not inside:
        return Day(day, Condition.OPERATIONAL if day >= since else None, 0)
    total = sum((lasted for _, lasted in inside), timedelta())
    return Day(day, max((span.condition for span, _ in inside), key=_BADNESS.index), -(-total // _MINUTE))
