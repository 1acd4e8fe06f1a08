"""Draws one picture and ends: `python -m receiver.pipeline.context.draw_chart` reads a graph as JSON, and writes a PNG.

A process of its own, with the lowest priority: the library takes a second of CPU and 100 MB of memory, which must not
delay the event loop or stay with the service.
"""

from __future__ import annotations

import os
import sys

from receiver.review.expression.chart_png import expression_png
from receiver.review.expression.graph import ExpressionGraph

NICENESS = 19


def main() -> None:
    """Draw what standard input says."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    graph = ExpressionGraph.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(expression_png(graph))


if __name__ == "__main__":
    main()
