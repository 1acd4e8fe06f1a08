"""Small pieces of inline SVG: shapes with classes and no styles, which a strict content security policy allows. Pure.

Every chart has a name for screen readers, and a table with the same figures next to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = (
    ".chart svg{max-width:40rem;width:100%;height:auto;display:block}.chart text{fill:currentColor;font:11px "
    "system-ui,sans-serif}.chart .axis{stroke:#808080}.chart .mark{fill:currentColor}"
    ".chart .s1,.chart .open{fill:#d9423d}.chart .s2,.chart .acknowledged{fill:#c46a00}"
    ".chart .s3,.chart .identified{fill:#9a7b00}.chart .s4,.chart .resolved{fill:#2f8a55}"
    ".chart .monitoring{fill:#3b7dd8}.chart .detect{fill:#808080}.chart .night{fill:#6b5bd0}.chart .day{fill:#3b7dd8}"
    ".chart .key{display:inline-block;margin-right:1rem}"
    ".chart .line,.chart .limit{fill:none;stroke-width:2;stroke-linecap:round}"
    ".chart .limit{stroke:#d9423d;stroke-dasharray:6 4}.chart .l1{stroke:#3b7dd8}.chart .l2{stroke:#c46a00}"
    ".chart .l3{stroke:#2f8a55}.chart .l4{stroke:#6b5bd0}.chart .l5{stroke:#808080}"
    ".chart .l2{stroke-dasharray:8 3}.chart .l3{stroke-dasharray:2 3}.chart .l4{stroke-dasharray:10 3 2 3}"
    ".chart .l5{stroke-dasharray:4 6}"
)
"""For documents: colors with a contrast of at least 3 with white and black, and the text's own color for text."""


def text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    """Return text at a position; `anchor`: `start`, `middle` or `end`."""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{at}>{escape(words)}</text>'


def bar(x: float, y: float, width: float, height: float, name: str, title: str = "") -> str:
    """Return a rectangle with a class; `title` is its tooltip."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{name}">{inner}</rect>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a line of an axis."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="axis"></line>'


def path(places: Iterable[tuple[float, float]], name: str, title: str = "") -> str:
    """Return a line through points, with a class; `title` is its tooltip."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{points}" class="{name}">{inner}</polyline>'


def dot(x: float, y: float, shape: str, title: str) -> str:
    """Return a mark: `round`, `square` or `peak`, so that they can be distinguished without color."""
    inner = f"<title>{escape(title)}</title>"
    if shape == "round":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="mark">{inner}</circle>'
    if shape == "square":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" class="mark">{inner}</rect>'
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z" class="mark">{inner}</path>'


def chart(width: int, height: int, name: str, parts: Iterable[str]) -> str:
    """Return a whole chart; `name` is its accessible name."""
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(name)}">'
    return f"{head}{''.join(parts)}</svg>"
