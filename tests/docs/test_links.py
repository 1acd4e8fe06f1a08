"""Every link on every page has a target: an existing file, and a heading in it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import DOCS, FILES, ROOT, anchors, inline, tokens

EXTERNAL = re.compile(r"https?://[a-z0-9.-]+(:\d+)?(/[\w./%#?=&,~:+@-]*)?", re.IGNORECASE)


def links(file: Path) -> list[tuple[str, str]]:
    return [(place, str(token.attrs["href"])) for place, token in inline(file, "link_open")]


def wrong(file: Path, target: str) -> str | None:
    """Return why `target` is broken; None if it is valid. The network is not used."""
    parts = urlsplit(target)
    if parts.scheme:
        return None if EXTERNAL.fullmatch(target) else "no address that can be called"
    there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not there.exists():
        return "no such file"
    if DOCS in file.parents and DOCS not in there.parents:
        return "out of docs/, which the site does not have"
    if parts.fragment and parts.fragment not in anchors(there):
        return f"no such heading; there are {', '.join(sorted(anchors(there)))}"
    return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    assert [f"{place}: {target}: {why}" for place, target in links(file) if (why := wrong(file, target))] == []


def test_there_are_links_to_check() -> None:
    assert sum(len(links(file)) for file in FILES) > 60


@pytest.mark.parametrize(
    "target",
    ["nowhere.md", "rules.md#nowhere", "../README.md", "http://", "https://example.com/a b", "mailto:x", "/rules.md"],
)
def test_a_link_to_nowhere_is_found(target: str) -> None:
    assert wrong(DOCS / "index.md", target)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_link_is_left_half_written(file: Path) -> None:
    # If the parser returns text with brackets, it is a link with an unreadable target.
    texts = [child.content for token in tokens(file) for child in token.children or () if child.type == "text"]
    assert not [text for text in texts if re.search(r"\]\([^)]*\)|\]\[[^\]]+\]", text)]
