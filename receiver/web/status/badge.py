"""Badges: small images with a name and a status, for other sites. Pure."""

from __future__ import annotations

import unicodedata
from html import escape

from receiver.web.status.feeds import UNWRITABLE

HEIGHT, PADDING, NARROW, WIDE = 20, 6, 7, 13
"""Pixels: height of the badge, margin of each text, and width of a character."""


def badge(name: str, word: str, color: str, ink: str) -> str:
    """Return the SVG; `color` is the background of `word`, which has the color `ink`."""
    left, right = _width(name), _width(word)
    name, word = (escape(UNWRITABLE.sub("", text)[:80], quote=True) for text in (name, word))
    text = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" '
        f'aria-label="{name}: {word}"><title>{name}: {word}</title>'
        f'<rect width="{left}" height="{HEIGHT}" fill="#24292f"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{color}"/>'
        f'<text x="{left / 2:g}" y="14" fill="#ffffff" {text}>{name}</text>'
        f'<text x="{left + right / 2:g}" y="14" fill="{ink}" {text}>{word}</text></svg>'
    )


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text[:80])
    return 2 * PADDING + wide * WIDE + (min(len(text), 80) - wide) * NARROW
