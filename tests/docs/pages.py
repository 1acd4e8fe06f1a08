"""Parses the user documentation: blocks, code spans, headings and links, each with its position."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FILES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
"""Every page, and the Markdown files next to the code."""
WRITTEN = [file for file in FILES if DOCS / "adr" not in file.parents and file.name not in ("CHANGELOG.md", "LICENSE")]
"""The pages about the current state, without decision records and the changelog."""
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its name, its text, and its position."""

    file: str
    line: int
    language: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@cache
def tokens(file: Path) -> list[Token]:
    return _PARSER.parse(file.read_text("utf-8"))


def blocks(file: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    shown = str(file.relative_to(ROOT))
    for token in tokens(file):
        if token.type == "fence":
            language, _, name = token.info.strip().partition(" ")
            yield Block(shown, (token.map or [0])[0] + 1, language, name, token.content)


def inline(file: Path, kind: str) -> Iterator[tuple[str, Token]]:
    """Yield the parts of that kind in paragraphs and cells, each with its position."""
    for token in tokens(file):
        for child in token.children or ():
            if child.type == kind:
                yield f"{file.relative_to(ROOT)}:{(token.map or [0])[0] + 1}", child


def code(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the text of code spans."""
    for place, token in inline(file, "code_inline"):
        yield place, token.content.replace("\\|", "|")


@cache
def anchors(file: Path) -> set[str]:
    """Return the anchors of the headings, as on GitHub and the site."""
    found: list[str] = []
    parsed = tokens(file)
    for before, token in pairwise(parsed):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
            count = len([one for one in found if re.fullmatch(re.escape(slug) + r"(-\d+)?", one)])
            found.append(f"{slug}-{count}" if count else slug)
    return set(found)
