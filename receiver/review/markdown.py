"""Markdown in which foreign text is only text, and HTML made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

LONGEST = 500_000
"""Characters that are rendered; a longer text is shown as it was written. A post-mortem has 100,000 at most."""
COLUMNS = 100
"""Bars in a line of a table; a longer line is no table."""
BRACKETS = 2000
"""Opening brackets of a text in which links are found: looking for their ends takes the square of their number."""

# What could begin a mark, an entity, a link or a table's cell.
_ALIVE = re.compile(r"([\\`*_\[\]<>|~&])")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


def escaped(text: str, limit: int = 1000) -> str:
    """Return foreign text on one line, cut, in which Markdown finds nothing to do."""
    line = _HIDDEN.sub(" ", text[: limit * 4]).strip()
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    # A line of a document that begins so would be a heading, a quotation or a list.
    return re.sub(r"^([#>+=-]|[0-9]+[.)])", r"\\\1", _ALIVE.sub(r"\\\1", line))


def clock(moment: datetime, day: datetime | None = None) -> str:
    """Return the time of day in UTC; with the date where that is not the one of `day`."""
    at = moment.astimezone(UTC)
    same = day is None or at.date() == day.astimezone(UTC).date()
    return f"{at:%H:%M}" if same else f"{at:%Y-%m-%d %H:%M}"


def span(lasted: timedelta) -> str:
    """Return a duration as the seed writes it: `2h 15m`, `12m`."""
    minutes = max(0, round(lasted.total_seconds() / 60))
    return f"{minutes // 60}h {minutes % 60}m" if minutes >= 60 else f"{minutes}m"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; the cells are Markdown already."""
    bars = "|".join("-" * (len(name) + 2) for name in head)
    return [f"| {' | '.join(head)} |", f"|{bars}|", *(f"| {' | '.join(row)} |" for row in rows)]


def html(markdown: str, title: str) -> str:
    """Return a whole page of `markdown`: no HTML of its own is let through, nothing runs, nothing is fetched."""
    body = fragment(markdown)
    shown = _HIDDEN.sub(" ", title[:300]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    head = f'<meta charset="utf-8"><title>{shown}</title>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>\n{body}</body></html>\n'


def fragment(markdown: str) -> str:
    """Return the HTML of `markdown` alone, to stand in a page; alive in it are links that a person wrote, no more."""
    if len(markdown) > LONGEST:
        return f"<pre>{escape(markdown, quote=False)}</pre>"
    from markdown_it import MarkdownIt  # noqa: PLC0415  (loaded with the first document that is shown)

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "autolink"])
    return str(reader.render(_tame(markdown)))


def _tame(markdown: str) -> str:
    # What nobody writes and takes the renderer seconds stays as it was written.
    if markdown.count("[") > BRACKETS:
        markdown = markdown.replace("[", r"\[")
    lines = markdown.split("\n")
    return "\n".join(line.replace("|", r"\|") if line.count("|") > COLUMNS else line for line in lines)
