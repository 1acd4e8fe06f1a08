"""Jira's two forms of text: Atlassian's document format (API 3) and wiki text (API 2). Pure.

Untrusted text is a plain text node in one, and escaped in the other: it is never markup, a link or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from receiver.channels.safe_text import clean, cut, href

TEXT_LIMIT = 30_000
"""Maximum number of characters of a description or comment; Jira accepts 32,767 (Jira API), escapes
included."""
LINE_LIMIT = 1000

# Characters with a meaning in wiki text. A backslash escapes them; addresses would still become links, so their slashes
# are written as entities.
_ACTIVE = re.compile(r"[\\{}\[\]()*_+^~?!|#@-]")
_ADDRESS = re.compile(r"(?<=:)//")


@dataclass(frozen=True)
class Run:
    """A piece of a line; `href` is a checked address, never untrusted text."""

    text: str
    strong: bool = False
    href: str | None = None


Line = tuple[Run, ...]


def adf(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the lines as a document, one paragraph each. A text node is never empty and has no line break."""
    content = []
    for line in _fitting(lines, plain):
        nodes = [_node(run) for run in line if plain(run)]
        if nodes:
            content.append({"type": "paragraph", "content": nodes})
    return {"type": "doc", "version": 1, "content": content}


def wiki(lines: Sequence[Line]) -> str:
    """Return the lines as wiki text, one paragraph each."""
    return "\n\n".join("".join(_marked(run) for run in line) for line in _fitting(lines, _marked))


def plain(run: Run) -> str:
    """Return the cleaned text of a run: one line of at most 1,000 characters."""
    # A space at both ends separates adjacent runs.
    text = clean(run.text, LINE_LIMIT)
    before = " " if text and run.text[:1] == " " else ""
    behind = " " if text and run.text[-1:] == " " else ""
    return f"{before}{text}{behind}"


def _node(run: Run) -> dict[str, Any]:
    marks: list[dict[str, Any]] = [{"type": "strong"}] if run.strong else []
    address = href(run.href) if run.href else None
    if address:
        marks.append({"type": "link", "attrs": {"href": address}})
    node: dict[str, Any] = {"type": "text", "text": plain(run)}
    return {**node, "marks": marks} if marks else node


def escaped(text: str) -> str:
    """Return `text` escaped for wiki text."""
    return _ADDRESS.sub("&#47;&#47;", _ACTIVE.sub(lambda found: f"\\{found[0]}", text.replace("&", "&amp;")))


def _marked(run: Run) -> str:
    text = escaped(plain(run))
    address = href(run.href) if run.href else None
    if address and text.strip():
        for character, code in (("|", "%7C"), ("[", "%5B"), ("]", "%5D"), ("{", "%7B"), ("}", "%7D")):
            address = address.replace(character, code)
        return f"[{text.strip()}|{address}]"
    return f"*{text.strip()}* " if run.strong and text.strip() else text


def _fitting(lines: Sequence[Line], shown: Any) -> list[Line]:
    # Whole lines only, because half an escape would be markup again.
    kept: list[Line] = []
    left = TEXT_LIMIT
    for line in lines:
        left -= sum(len(shown(run)) for run in line) + 2
        if left < 0:
            return [*kept, (Run("… the rest is in the incident's timeline"),)]
        kept.append(line)
    return kept


def summary_of(text: str) -> str:
    """Return `text` as an issue's summary: one line of at most 255 characters (Jira API)."""
    return cut(clean(text, 255), 255)
