"""An alert's expression as inline SVG: lines with classes, a threshold, two axes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from receiver.model.incident.event import Event
from receiver.review.expression.graph import EXPRESSION, ExpressionGraph, GraphSeries, newest_graph, number
from receiver.review.markdown_html import Pictures, clock
from receiver.review.svg import chart, line, path, text

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 480, 190, 56, 12, 132
TICKS = 4
LEGEND = 18
"""Height of a line of the legend."""
LETTERS = 70
"""Maximum length of a name in the legend."""


def expression_svg(graph: ExpressionGraph) -> str:
    """Return the chart; a table next to it has the figures."""
    low, high = bounds(graph)
    parts = [*_axes(graph, low, high)]
    keys = [(f"line l{place}", one.name) for place, one in enumerate(graph.series, 1)]
    for (name, _), one in zip(keys, graph.series, strict=True):
        parts += [
            path([(_x(graph, place), _y(value, low, high)) for place, value in points], name, one.name)
            for points in _runs(one)
        ]
    if graph.threshold is not None:
        y = _y(graph.threshold, low, high)
        keys.append(("limit", f"alert at {graph.limit}"))
        parts.append(path([(LEFT, y), (WIDTH - 8, y)], *keys[-1]))
    for index, (name, words) in enumerate(keys):
        top = HEIGHT - 12 + LEGEND * index
        parts += [path([(0, top - 4), (24, top - 4)], name), text(30, top, words[:LETTERS])]
    return chart(WIDTH, HEIGHT + LEGEND * (len(keys) - 1), graph.text, parts)


def expression_picture(events: Sequence[Event]) -> Pictures:
    """Return the chart for a post-mortem by its heading; none if the log has no graph."""
    graph = newest_graph(events)
    return {} if graph is None else {EXPRESSION: expression_svg(graph)}


def bounds(graph: ExpressionGraph) -> tuple[float, float]:
    """Return the lowest and the highest value of the axis, including zero and the threshold if they are near."""
    values = [value for one in graph.series for value in one.known]
    values += [] if graph.threshold is None else [graph.threshold]
    low, high = min(values), max(values)
    if 0 < low < high / 2 or low == high > 0:
        low = 0.0
    if low == high:
        high = low + (abs(low) or 1.0)
    room = (high - low) * 0.05
    return (low if low == 0 else low - room), high + room


def _axes(graph: ExpressionGraph, low: float, high: float) -> Iterator[str]:
    for place in range(TICKS + 1):
        at = graph.begins + (graph.ends - graph.begins) * place / TICKS
        x = LEFT + (WIDTH - LEFT - 8) * place / TICKS
        anchor = "start" if place == 0 else "end" if place == TICKS else "middle"
        yield line(x, BOTTOM, x, BOTTOM + 5)
        yield text(x, BOTTOM + 18, clock(at), anchor=anchor)
    for share in (0.0, 0.5, 1.0):
        value = low + (high - low) * share
        yield text(LEFT - 6, _y(value, low, high) + 4, number(value, 3), anchor="end")
    yield line(LEFT, BOTTOM, WIDTH - 8, BOTTOM)
    yield line(LEFT, TOP, LEFT, BOTTOM)


def _runs(one: GraphSeries) -> Iterator[list[tuple[int, float]]]:
    # A gap in the values is a gap in the line; a single value is a short line.
    run: list[tuple[int, float]] = []
    for place, value in enumerate((*one.values, None)):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run if len(run) > 1 else [run[0], run[0]]
            run = []


def _x(graph: ExpressionGraph, place: int) -> float:
    last = max(1, max(len(one.values) for one in graph.series) - 1)
    return LEFT + (WIDTH - LEFT - 8) * place / last


def _y(value: float, low: float, high: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)
