"""Committed files work on any machine: no local paths, no registry addresses, no unfinished parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKIPPED = {"receiver-data", "build", "dist", "node_modules", "__pycache__"}
KEPT = {".ci", ".github"}

# Split, so that this file does not match itself.
PATTERNS = {
    "a path of one machine": re.compile(r"(?<![\w.~}$])/(?:" + "work|farm|root|home|opt/pypi|opt/wheels" + r")/"),
    "a registry's address": re.compile(
        r"https?://[^\s\"']*(?:" + "pypi|pythonhosted|registry|deb[.]debian|proxy[.]golang" + r")"
    ),
    "an index of packages": re.compile(r"(?<!emit-)\b(?:extra-)?" + r"(?:index|find)-(?:" + "url|links)" + r"\b"),
    "something left for later": re.compile(r"\b(?:" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b"),
    "a test that does not run": re.compile(r"pytest[.](?:mark[.])?(?:" + "skip|xfail" + r")|unittest[.]" + "skip"),
}


def committed() -> Iterator[Path]:
    """Yield every file that git tracks or would track: ignored files are in folders with known names."""
    for path in sorted(ROOT.rglob("*")):
        folders = path.relative_to(ROOT).parts[:-1]
        hidden = any(name.startswith(".") and name not in KEPT for name in folders)
        generated = any(name in SKIPPED or name.endswith(".egg-info") for name in folders)
        if path.is_file() and path.name != ".git" and not hidden and not generated:
            yield path


def findings(text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        found += [f"{number}: {name}: {line.strip()[:100]}" for name, what in PATTERNS.items() if what.search(line)]
    return found


def test_no_file_names_this_machine() -> None:
    wrong = {}
    for path in committed():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if found := findings(text):
            wrong[str(path.relative_to(ROOT))] = found
    assert wrong == {}


def test_the_files_that_matter_are_looked_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in committed()}
    assert {"pyproject.toml", "Makefile", "requirements.lock", ".ci/run", "receiver/clock.py"} <= names


@pytest.mark.parametrize(
    "text",
    [
        "cd " + "/wo" + "rk/main",
        "data: '" + "/fa" + "rm/x'",
        "--extra-" + "index-" + "url https://example.com",
        "-i https://" + "py" + "pi.org/simple",
        "# TO" + "DO: later",
        "@pytest.mark." + "sk" + "ip",
    ],
)
def test_each_is_found(text: str) -> None:
    assert len(findings(text)) == 1


@pytest.mark.parametrize("text", ["GET /api/v1/work/x", "--no-emit-" + "index-" + "url", "the todo list", "./work/x"])
def test_what_only_looks_like_one_is_not(text: str) -> None:
    assert findings(text) == []
