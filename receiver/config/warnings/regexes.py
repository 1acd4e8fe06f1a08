"""Warnings about regular expressions that match everything, so that their matcher has no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from receiver.config.config_errors import Path, Problem
from receiver.config.yaml.yaml_document import Document
from receiver.triage.lint.rule_requirements import matches_everything
from receiver.triage.matchers import MatcherError, parse_matcher

ASKING = ("matchers", "alerts")
"""Keys whose matchers must all match."""
EXCLUDING = "unless"
"""The key whose matchers must not match."""


def unwise(document: Document) -> Iterator[Problem]:
    """Yield each matcher of the document whose regular expression matches everything."""
    for path, text in _matchers(document.value, ()):
        try:
            matcher = parse_matcher(text)
        except MatcherError:
            continue
        if not matches_everything(matcher):
            continue
        # A matcher in `unless` that always matches, and one in `matchers` that never does, make a rule that never
        # matches; the warning for the rule reports that.
        rule = path[0] == "rules" and len(path) > 3
        if matcher.positive and path[-2] in ASKING:
            hint = f'remove it, or write {matcher.name}=~".+" for any value that is not empty'
            yield document.problem(path, "the pattern matches everything, so this matcher has no effect", hint)
        elif not matcher.positive and path[-2] == EXCLUDING:
            yield document.problem(path, "no alert matches this, so it excludes nothing", "remove it")
        elif not matcher.positive and not rule:
            yield document.problem(path, "no alert matches this, so the rule never applies", "narrow the pattern")


def _matchers(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    elif isinstance(value, str) and len(path) > 1 and path[-2] in (*ASKING, EXCLUDING):
        yield path, value
    for part, item in items:
        yield from _matchers(item, (*path, part))
