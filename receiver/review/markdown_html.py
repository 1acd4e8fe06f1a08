"""Markdown in which untrusted text is only text, and its HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from receiver.review.svg import STYLE as CHARTS

LONGEST = 500_000
"""Maximum length that is rendered; a longer text is shown as plain text. A post-mortem has 100,000 at most."""
COLUMNS = 100
"""Maximum number of bars in a line of a table."""
BRACKETS = 2000
"""Maximum number of opening brackets of a text with links: matching them takes quadratic time."""

# Characters that could begin markup, an entity, a link or a table cell.
_ALIVE = re.compile(r"([\\`*_\[\]<>|~&])")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


def escaped(text: str, limit: int = 1000) -> str:
    """Return untrusted text on one line, cut and escaped for Markdown."""
    line = _HIDDEN.sub(" ", text[: limit * 4]).strip()
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    # A line that begins with one of these would be a heading, a quotation or a list.
    return re.sub(r"^([#>+=-]|[0-9]+[.)])", r"\\\1", _ALIVE.sub(r"\\\1", line))


def clock(moment: datetime, day: datetime | None = None) -> str:
    """Return the time of day in UTC, with the date if it is not that of `day`."""
    at = moment.astimezone(UTC)
    same = day is None or at.date() == day.astimezone(UTC).date()
    return f"{at:%H:%M}" if same else f"{at:%Y-%m-%d %H:%M}"


def span(lasted: timedelta) -> str:
    """Return a duration in the format of the documents: `2h 15m`, `12m`."""
    minutes = max(0, round(lasted.total_seconds() / 60))
    return f"{minutes // 60}h {minutes % 60}m" if minutes >= 60 else f"{minutes}m"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; the cells are Markdown already."""
    bars = "|".join("-" * (len(name) + 2) for name in head)
    return [f"| {' | '.join(head)} |", f"|{bars}|", *(f"| {' | '.join(row)} |" for row in rows)]


STYLE = (
    ":root{color-scheme:light dark}body{max-width:50rem;margin:1rem auto;padding:0 1rem;"
    "font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{border:1px solid #8888;padding:.3rem .6rem;text-align:left;vertical-align:top}pre{white-space:pre-wrap}"
    + CHARTS
)
"""The style sheet of a page; the content security policy names its hash."""


Pictures = Mapping[str, str]
"""Charts (SVG of this package) by the beginning of the heading before them."""
NO_PICTURES: Pictures = {}


def html(markdown: str, title: str, pictures: Pictures = NO_PICTURES) -> str:
    """Return a whole page of `markdown`: its HTML is escaped, nothing is executed or loaded."""
    return document(fragment(markdown, pictures), title)


def document(body: str, title: str) -> str:
    """Return a whole page around `body`, which is HTML of this module."""
    shown = _HIDDEN.sub(" ", title[:300]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{view}<title>{shown}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>\n{body}</body></html>\n'


def fragment(markdown: str, pictures: Pictures = NO_PICTURES) -> str:
    """Return the HTML of `markdown` as part of a page; only links by people are active in it."""
    return illustrated(_fragment(markdown), pictures)


def illustrated(body: str, pictures: Pictures) -> str:
    """Return `body`, HTML of this module, with the charts under their headings."""
    for heading, picture in pictures.items():
        figure = f'<div class="chart">{picture}</div>\n'
        found = re.search(rf"<h([1-6])>{re.escape(heading)}[^<]*</h\1>\n?", body)
        # A person may have written a text without that heading.
        body = f"{body[: found.end()]}{figure}{body[found.end() :]}" if found else body + figure
    return body


def _fragment(markdown: str) -> str:
    if len(markdown) > LONGEST:
        return f"<pre>{escape(markdown, quote=False)}</pre>"
    from markdown_it import MarkdownIt  # noqa: PLC0415  (loaded with the first document that is shown)

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "autolink"])
    return str(reader.render(_tame(markdown)))


def _tame(markdown: str) -> str:
    # Unusual input that takes the renderer seconds is left as plain text.
    if markdown.count("[") > BRACKETS:
        markdown = markdown.replace("[", r"\[")
    lines = markdown.split("\n")
    return "\n".join(line.replace("|", r"\|") if line.count("|") > COLUMNS else line for line in lines)
