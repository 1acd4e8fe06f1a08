"""The values of an alert's expression over time: a few series, stored in the log, drawn and listed. Pure.

Names of series consist of labels, which are untrusted text: they are escaped wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import Field, ValidationError

from receiver.model.base import Frozen
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.review.expression.rule import LARGEST, Compared
from receiver.review.markdown_html import clock, escaped, table
from receiver.review.timeline import corrections, readable

EXPRESSION = "Alert Expression"
"""The heading of a graph in a document."""
SHOWN = 5
"""Maximum number of series in a graph."""
POINTS = 60
"""Number of steps in a graph: for an hour, one per minute."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEFORE = timedelta(minutes=10)
"""How long before a past incident its graph begins."""
NAME = 80
"""Maximum length of the name of a series."""
QUERY = 300


class RangeSeries(Protocol):
    """A series from Prometheus."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Seconds since the epoch, and the value."""


class GraphSeries(Frozen):
    """One line of a graph."""

    name: str
    values: tuple[float | None, ...]
    """A value for each step, the first at the beginning; None for a missing value."""

    @property
    def known(self) -> list[float]:
        """The values that are not missing."""
        return [value for value in self.values if value is not None]


class ExpressionGraph(Frozen):
    """The graph of an alert's expression."""

    alert: str
    query: str
    sign: str = ""
    threshold: float | None = None
    begins: datetime
    step: float = Field(gt=0)
    """Seconds from one value to the next."""
    series: tuple[GraphSeries, ...]
    total: int
    """The total number of series."""

    @property
    def ends(self) -> datetime:
        """The time of the last value."""
        count = max((len(one.values) for one in self.series), default=1)
        return self.begins + timedelta(seconds=self.step * (count - 1))

    @property
    def limit(self) -> str:
        """The rule's comparison, such as `> 0.05`; empty if none was found."""
        return "" if self.threshold is None else f"{self.sign} {number(self.threshold)}"

    @property
    def title(self) -> str:
        """The title of the graph, in one line."""
        more = f", {len(self.series)} of {self.total} series" if self.total > len(self.series) else ""
        return f"{self.alert}: {clock(self.begins)} to {clock(self.ends, self.begins)} UTC{more}"

    @property
    def text(self) -> str:
        """The figures of the first series in one line: a text alternative for the image."""
        head = f"{self.title}, alert at {self.limit}" if self.limit else self.title
        return f"{head}: " + "; ".join(
            f"{one.name} from {number(min(one.known))} to {number(max(one.known))}, last {number(one.known[-1])}"
            for one in self.series
        )


def window(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """Return the time range of a graph: the last hour, or all of a past incident, at most its last day."""
    ended = (incident.resolved_at or incident.closed_at) if incident.state.over else None
    if ended is None:
        return now - HOUR, now
    begins = min(ended - HOUR, incident.started_at - BEFORE)
    return max(begins, ended - DAY), ended


def graph_of(
    alert: str, labels: Mapping[str, str], asked: Compared, found: Sequence[RangeSeries], begins: datetime, step: float
) -> ExpressionGraph | None:
    """Return the series of `found` to show: the alert's own first, then the highest; None if there are none.

    A series is the alert's own if no label differs.
    """
    with_values = [one for one in found if one.points]
    if not with_values:
        return None
    own = {id(one): all(labels.get(name, value) == value for name, value in one.labels.items()) for one in with_values}
    ordered = sorted(with_values, key=lambda one: (not own[id(one)], -one.points[-1][1], sorted(one.labels.items())))
    shown = ordered[:SHOWN]
    same = {name for name in shown[0].labels if all(one.labels.get(name) == shown[0].labels[name] for one in shown)}
    drawn = (GraphSeries(name=_name(one.labels, same), values=_values(one, begins, step)) for one in shown)
    lines = tuple(one for one in drawn if one.known)
    if not lines:
        return None
    return ExpressionGraph(
        alert=alert[:NAME], query=asked.query[:QUERY], sign=asked.sign, threshold=asked.threshold, begins=begins,
        step=step, series=lines, total=len(with_values),
    )  # fmt: skip


def newest_graph(events: Sequence[Event]) -> ExpressionGraph | None:
    """Return the last graph in the log that is not hidden."""
    for event in reversed(readable(events)):
        if event.kind is Kind.EXPRESSION_READ:
            try:
                graph = ExpressionGraph.model_validate(event.data["graph"])
            except (KeyError, ValidationError):
                return None
            return graph if all(one.known for one in graph.series) and graph.series else None
    return None


def wants_graph(events: Sequence[Event], most: int) -> bool:
    """Return whether to add another graph to a log: it has fewer than `most`, and none of them is hidden."""
    read = [event.seq for event in events if event.kind is Kind.EXPRESSION_READ]
    return len(read) < most and not hides_graph(events)


def hides_graph(events: Sequence[Event]) -> bool:
    """Return whether a person has hidden a graph of a log, so that no other graph is shown."""
    said = corrections(events)
    return any(event.kind is Kind.EXPRESSION_READ and said.get(event.seq, {}).get("hidden") for event in events)


def graph_rows(graph: ExpressionGraph) -> list[tuple[str, ...]]:
    """Return name, first, lowest, highest and last value of each series."""
    return [
        (one.name, *map(number, (one.known[0], min(one.known), max(one.known), one.known[-1]))) for one in graph.series
    ]


def graph_table(graph: ExpressionGraph) -> list[str]:
    """Return the graph in Markdown: the query, and a table of its series."""
    asked = escaped(f"{graph.query} {graph.limit}".strip(), QUERY)
    rows = [(escaped(name, NAME), *values) for name, *values in graph_rows(graph)]
    return [
        f"{escaped(graph.title, QUERY)}: {asked}",
        "",
        *table(("Series", "First", "Lowest", "Highest", "Last"), rows),
    ]


def number(value: float, digits: int = 4) -> str:
    """Return a value with the given number of digits, and a suffix for a large one."""
    for size, word in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if word == 'k' else size):.{digits}g}{word}"
    return f"{value:.{digits}g}"


def _name(labels: Mapping[str, str], same: Iterable[str]) -> str:
    parts = [f"{name}={value}" for name, value in sorted(labels.items()) if name not in same and name != "__name__"]
    text = ", ".join(parts) or labels.get("__name__", "") or "value"
    return text if len(text) <= NAME else text[: NAME - 1] + "…"


def _values(one: RangeSeries, begins: datetime, step: float) -> tuple[float | None, ...]:
    start, places = begins.timestamp(), dict[int, float]()
    for at, value in one.points:
        if abs(value) < LARGEST:
            places[round((at - start) / step)] = float(f"{value:.5g}")
    return tuple(places.get(place) for place in range(POINTS + 1))


def graph_data(graph: ExpressionGraph) -> dict[str, Any]:
    """Return the data of a graph for the log: some 2 KB."""
    return {"graph": graph.model_dump(mode="json")}
