"""Sub-packages depend on each other in one direction, and folders have a limited number of files."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "receiver"
MOST = 20
"""Maximum number of files directly in one folder."""

ORDER = {
    "model": ("alert", "oncall", "incident", "delivery"),
    "triage": ("measurements", "rules", "lint"),
    "incident": (
        *("log", "oncall", "paging", "publication", "followup", "alerts", "store_outage", "response", "context"),
        "whatif",
    ),
    "review": ("charts", "expression"),
    "store": ("client", "embedded", "incidents", "due"),
    "channels": ("confluence", "email", "jira", "ntfy", "slack", "twilio"),
    "config": ("yaml", "settings", "loader", "alertmanager_file", "warnings"),
    "pipeline": (
        *("outbox", "open_incidents", "intake", "response", "alerts", "context", "delivery", "store_outage"),
        *("oncall", "review", "status", "slack", "sign_in", "subscriptions", "worker", "whatif"),
    ),
    "web": ("http", "auth", "json", "status", "webhooks", "console", "api", "mcp", "openapi"),
    "cli": ("commands",),
}
"""The sub-packages of each package: each imports only those before it."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(module: str, package: str) -> str | None:
    """Return the sub-package of a module, or its file next to them; None if it is outside of `package`."""
    words = module.split(".")
    if words[:2] != ["receiver", package] or len(words) < 3:
        return None
    folder = PACKAGE / package / words[2]
    return words[2] if folder.is_dir() or folder.with_suffix(".py").is_file() else None


def edges_of(package: str) -> dict[str, dict[str, str]]:
    """Return the imports between parts of a package, with their places."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((PACKAGE / package).rglob("*.py")):
        here = path.relative_to(PACKAGE / package)
        part = here.parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for module in imported(ast.parse(path.read_text("utf-8"))):
            other = part_of(module, package)
            if other is not None and other != part:
                found.setdefault(part, {}).setdefault(other, f"{here} imports {module}")
    return found


def against(order: tuple[str, ...], edges: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the imports from a sub-package to a later one."""
    places = {name: place for place, name in enumerate(order)}
    return [
        why
        for part, others in edges.items()
        for other, why in others.items()
        if part in places and other in places and places[other] > places[part]
    ]


def cycle(edges: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the parts of one cycle; empty if there is none."""
    left = {part: set(others) for part, others in edges.items()}
    while True:
        ends = {other for others in left.values() for other in others if not left.get(other)}
        if not ends:
            break
        left = {part: others - ends for part, others in left.items()}
    return sorted(part for part, others in left.items() if others)


@pytest.mark.parametrize("package", sorted(ORDER))
def test_subpackages_go_one_way(package: str) -> None:
    folders = {path.parent.name for path in (PACKAGE / package).glob("*/__init__.py")}
    assert folders == set(ORDER[package]), "add the new sub-package to ORDER"
    edges = edges_of(package)
    assert against(ORDER[package], edges) == []
    assert cycle(edges) == []


def test_packages_without_an_order_have_no_subpackages() -> None:
    assert {path.parents[1].name for path in PACKAGE.glob("*/*/__init__.py")} == set(ORDER)


def test_no_folder_is_too_full() -> None:
    folders = [path for path in (PACKAGE, *PACKAGE.rglob("*")) if path.is_dir() and path.name != "__pycache__"]
    counts = {str(path.relative_to(PACKAGE)): sum(each.is_file() for each in path.iterdir()) for path in folders}
    assert {name: count for name, count in counts.items() if count > MOST} == {}


def test_what_is_wrong_is_seen() -> None:
    edges = {"a": {"b": "a imports b"}, "b": {"c": "b imports c"}, "c": {"a": "c imports a"}}
    assert against(("c", "b", "a"), edges) == ["c imports a"]
    assert cycle(edges) == ["a", "b", "c"]
    assert cycle({"a": {"b": "a imports b"}}) == []
