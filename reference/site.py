"""Adapts Markdown to the site, whose parser reads a block's name and a list below a line differently than GitHub's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NAMED = re.compile(r"```(\w+) (\S.*)")
_CELL = re.compile(r"<td.*?</td>", re.DOTALL)
_ITEM = re.compile(r"(- |\d+\. )")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page in the form that the site's Markdown needs, so that both show the same."""
    return "\n".join(_lines(markdown.split("\n")))


def on_page_content(html: str, **_: Any) -> str:
    """Return the page with a plain bar where a cell's code has one that was escaped, as GitHub shows it."""
    return _CELL.sub(lambda cell: cell[0].replace("\\|", "|"), html)


def _lines(lines: list[str]) -> Iterator[str]:
    fenced, before = False, ""
    for line in lines:
        if not fenced and _ITEM.match(line) and before.strip() and not (_ITEM.match(before) or before[0] == " "):
            yield ""
        yield _NAMED.sub(r'```\1 title="\2"', line) if line.startswith("```") and not fenced else line
        fenced ^= line.startswith("```")
        before = line
