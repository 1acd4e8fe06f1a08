"""An alert's expression as a PNG, by matplotlib, which is an optional dependency and is loaded only here. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO

from receiver.review.expression.graph import ExpressionGraph, GraphSeries

LIBRARY = "matplotlib"
"""Installed by `pip install 'receiver[charts]'`."""
COLORS = ("#3b7dd8", "#c46a00", "#2f8a55", "#6b5bd0", "#808080")
STYLES = ("-", "--", ":", "-.", (0, (4, 6)))
INCHES, DPI = (8.0, 4.0), 100


def can_draw() -> bool:
    """Return whether the library is installed; it is not loaded."""
    return find_spec(LIBRARY) is not None


def expression_png(graph: ExpressionGraph) -> bytes:
    """Return the image, 800 by 400 points. Raises ImportError without the library."""
    figures, dates = import_module("matplotlib.figure"), import_module("matplotlib.dates")
    # A label may contain dollar signs, and the library would interpret the text between two of them as a formula.
    import_module("matplotlib").rcParams["text.parse_math"] = False
    figure = figures.Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for place, one in enumerate(graph.series):
        values = [float("nan") if value is None else value for value in one.values]
        # A name that begins with an underscore would be left out of the legend.
        name = f" {one.name}" if one.name.startswith("_") else one.name
        mark = "." if _lone(one) else ""
        axes.plot(
            _times(graph, one), values, color=COLORS[place % 5], linestyle=STYLES[place % 5], marker=mark, label=name
        )
    if graph.threshold is not None:
        axes.axhline(graph.threshold, color="#d9423d", linestyle="--", label=f"alert at {graph.limit}")
    axes.set_title(graph.title, fontsize=11)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=UTC))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)
    made = BytesIO()
    figure.savefig(made, format="png")
    return made.getvalue()


def _times(graph: ExpressionGraph, one: GraphSeries) -> list[datetime]:
    return [graph.begins + timedelta(seconds=graph.step * place) for place in range(len(one.values))]


def _lone(one: GraphSeries) -> bool:
    # A value without a neighbor cannot be drawn as a line.
    return any(
        value is not None and before is None and after is None
        for before, value, after in zip((None, *one.values), one.values, (*one.values[1:], None), strict=False)
    )
