"""What `receiver check-config` looks at: configurations, severity rules and their tests, told apart by their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath

from receiver.config.document import Document, read
from receiver.config.loading import load_text, read_file
from receiver.config.problems import ConfigError, Problem
from receiver.config.rules import read_rules
from receiver.config.validation import validate
from receiver.triage.rule_tests import RuleTests
from receiver.triage.rules_file import RulesSettings


def check_files(paths: Iterable[FilePath], env: Mapping[str, str]) -> tuple[list[Problem], list[Problem]]:
    """Return every problem of these files, and what is valid but unwise; each once, in order.

    A file with `tests` is a file of rule tests, one with keys of severity rules only is that, and any other is a
    configuration, whose severity rules are checked along with it.
    """
    problems: list[Problem] = []
    notes: list[Problem] = []
    for path in paths:
        try:
            notes += _check(path, env)
        except ConfigError as error:
            problems += error.problems
    return sorted(set(problems)), sorted(set(notes))


def _check(path: FilePath, env: Mapping[str, str]) -> Iterable[Problem]:
    text, name = read_file(path), str(path)
    document = read(text, name)
    keys = set(document.value) if isinstance(document.value, dict) else set()
    if "tests" in keys:
        _check_tests(document, path)
        return ()
    if keys and keys <= set(RulesSettings.model_fields):
        _, problems, _ = read_rules(text, name)
        _raise(problems)
        return ()
    return load_text(text, name, env, path.parent).notes


def _check_tests(document: Document, path: FilePath) -> None:
    _raise(document.problems)
    tests, problems = validate(RuleTests, document.value, document)
    _raise(problems)
    if tests is not None:
        file = path.parent / tests.rules
        try:
            _, problems, _ = read_rules(read_file(file), str(file))
        except ConfigError as error:
            problems = [document.problem(("rules",), error.problems[0].message, "a path relative to this file")]
        _raise(problems)


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(problems)
