"""The site builds in strict mode, shows the same as GitHub, and loads nothing from other hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.pages import DOCS, ROOT

GITHUB = MarkdownIt("commonmark").enable("table")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def parts(html: str) -> dict[str, int]:
    """Count the visible parts of a page; the cells of a table show whether a bar has split one."""
    # Code in a cell shows a bar, regardless of its escape in the table.
    assert not re.search(r"<td[^>]*>(?:(?!</td>).)*<code>[^<]*\\\|", html)
    kinds = {"li": r"<li[ >]", "td": r"<td[ >]", "code": r"<code[ >]", "h": r"<h[1-4][ >]", "bold": "<strong>"}
    return {kind: len(re.findall(pattern, html)) for kind, pattern in kinds.items()}


def test_every_page_shows_the_same_as_on_github(site: Path) -> None:
    different = {}
    for file in sorted(DOCS.rglob("*.md")):
        path = file.relative_to(DOCS).with_suffix("")
        html = (site / (path.parent if path.name == "index" else path) / "index.html").read_text("utf-8")
        body = html.partition('<article class="md-content__inner md-typeset">')[2].partition("</article>")[0]
        here, there = parts(body), parts(GITHUB.render(file.read_text("utf-8")))
        if here != there:
            different[str(file.relative_to(ROOT))] = (here, there)
    assert different == {}


def test_every_page_is_in_the_navigation_once() -> None:
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"- (?:[^:\n]+: )?(\S+\.md)$", nav, re.MULTILINE)
    pages = [str(file.relative_to(DOCS)) for file in DOCS.rglob("*.md")]
    assert sorted(listed) == sorted(pages)
    decisions = [page for page in listed if page.startswith("adr/")]
    assert decisions == sorted(decisions)


def test_every_runbook_stands_where_its_alert_says(site: Path) -> None:
    alerts = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text("utf-8")
    named = re.findall(r"runbook_url: https://[^/]+(/runbooks/\w+/)$", alerts, re.MULTILINE)
    assert len(named) >= 21
    assert [path for path in named if not (site / path.strip("/") / "index.html").is_file()] == []


def test_nothing_is_asked_of_others(site: Path) -> None:
    for file in sorted(site.rglob("*.html")):
        asked = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(https?://[^\"]+)", file.read_text("utf-8"))
        assert asked == [], file
