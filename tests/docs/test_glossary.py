"""The glossary's words are those of the code, and neither uses discarded words."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "receiver"

IN_CODE = {
    "action item": "action_item", "alert": "alert", "audience": "audience", "backup": "backup", "channel": "channel",
    "circuit breaker": "circuit_breaker", "contact": "contact", "correlation key": "correlation_key",
    "dead letter": "dead_letter", "delivery": "delivery", "drill": "drill", "emergency page": "emergency_page",
    "episode": "episode", "escalation": "escalation", "event": "event", "fallback channel": "fallback_channel",
    "incident": "incident", "lease": "lease", "maintenance": "maintenance", "measurement": "measurement",
    "notify": "notify", "outbox": "outbox", "page": "page", "phase": "phase", "runbook": "runbook", "scope": "scope",
    "severity": "severity", "state": "state", "storm": "storm", "tombstone": "tombstone", "Watchdog": "watchdog",
}  # fmt: skip
"""Words of the glossary, and their spelling in the code."""
IN_WORDS_ONLY = {"acknowledge", "cap", "flapping", "reconcile", "ring", "update"}
"""Words of the glossary that are verbs or values in the code."""
GIVEN_UP = {
    *("detour", "shelter", "summons", "labour", "hindsight", "pasts", "upkeep", "unserved", "owing", "beside"),
    *("guidance", "handover", "upstream_truth", "second_road", "unwise", "slack_desk", "course", "worse_text"),
    *("page_words", "field_words", "incident_outlook", "message_marks", "page_look", "public_moment", "status_desk"),
    *("subscription_desk", "stepped_loop"),
}


def terms() -> list[str]:
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    return [
        found[1] for found in re.finditer(r"^\| ([^|]+?) \|", page, re.MULTILINE) if found[1] not in ("word", "---")
    ]


@cache
def names() -> set[str]:
    """Return the names of modules, classes and functions, in lower case with underscores."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        found.update(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name).lower())
    return found


def test_every_word_of_the_glossary_has_its_place() -> None:
    assert sorted(set(terms()) - set(IN_CODE) - IN_WORDS_ONLY) == []
    assert sorted((set(IN_CODE) | IN_WORDS_ONLY) - set(terms())) == []


@pytest.mark.parametrize("word", sorted(IN_CODE))
def test_a_word_of_the_glossary_is_a_word_of_the_code(word: str) -> None:
    assert any(IN_CODE[word] in name for name in names())


def test_words_that_were_given_up_name_nothing() -> None:
    modules = {part for path in PACKAGE.rglob("*.py") for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert sorted(GIVEN_UP & modules) == []
    assert sorted(GIVEN_UP & set(terms())) == []
