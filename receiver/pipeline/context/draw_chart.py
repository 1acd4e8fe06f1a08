"""Draws one image and exits: `python -m receiver.pipeline.context.draw_chart` reads a graph as JSON, and writes a PNG.

It is a separate process with the lowest priority: the library takes a second of CPU and 100 MB of memory, which must
not delay the event loop or remain in the service.
"""

from __future__ import annotations

import os
import sys

from receiver.review.expression.chart_png import expression_png
from receiver.review.expression.graph import ExpressionGraph

NICENESS = 19


def main() -> None:
    """Draw the graph from standard input."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    graph = ExpressionGraph.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(expression_png(graph))


if __name__ == "__main__":
    main()
