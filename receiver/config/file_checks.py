"""Checks the files of `receiver check-config`: configurations, severity rules and rule tests, identified by keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path as FilePath

from receiver.config import alertmanager_file
from receiver.config.config_errors import ConfigError, Problem
from receiver.config.loader import included_files
from receiver.config.loader.config_draft import Draft
from receiver.config.loader.config_loader import read_file, reading_of
from receiver.config.loader.rules_loader import PACKAGED, read_rules
from receiver.config.loader.validation import validate
from receiver.config.settings.whole_config import Sections
from receiver.config.warnings import all_warnings
from receiver.config.yaml.environment_variables import Environment
from receiver.config.yaml.yaml_document import Document, read
from receiver.triage.rules.rule_tests import RuleTests
from receiver.triage.rules.rules_file import RulesSettings

FOREIGN_KEYS = 3
"""A file with at least this many top-level keys, none of them ours, belongs to another program."""
NEAR, MOST = 0.75, 80
"""How similar a key must be to a required one to count as a typo; and the number of characters compared."""
_NEEDED = frozenset(name for name, field in Sections.model_fields.items() if field.is_required())
"""The sections that every configuration has."""


@dataclass
class Found:
    """The results of checking files."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    """Warnings: settings that are valid but unwise."""
    alert_rules: dict[FilePath, int] = field(default_factory=dict)
    """The number of alert rules in each Prometheus rules file."""
    wrong_parts: dict[str, list[str]] = field(default_factory=dict)
    """For each configuration, the other files with errors that belong to it: included files and severity rules."""
    alertmanagers: list[FilePath] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)


def check_files(
    paths: Iterable[FilePath],
    env: Mapping[str, str],
    *,
    now: datetime | None = None,
    alertmanager: FilePath | None = None,
) -> tuple[list[Problem], list[Problem]]:
    """Return every problem of these files, and the warnings; see `look_at`."""
    found = look_at(paths, env, now=now, alertmanager=alertmanager)
    return found.problems, found.notes


def look_at(
    paths: Iterable[FilePath],
    env: Mapping[str, str],
    *,
    now: datetime | None = None,
    alertmanager: FilePath | None = None,
) -> Found:
    """Return every problem of these files, and the warnings, each once and in order.

    A file of Prometheus alert rules, or an object that contains one, is read as Prometheus reads it; it has no
    settings. An empty file among others counts as one without rules.

    A file with `tests` is a file of rule tests; a file with only keys of severity rules has severity rules; an
    Alertmanager file is compared like `alertmanager`. Any other file is a configuration, and its severity rules are
    checked with it.

    Args:
        paths: the files.
        env: the environment that `${NAME}` reads.
        now: the time from which schedules are checked; without it only errors and disabled channels are reported.
        alertmanager: Alertmanager's file, compared with the configurations, or with the default if there is none.
    """
    found, files = Found(), list(paths)
    for path in files:
        # Prometheus accepts an empty file of rules. A configuration on its own must have its sections.
        if len(files) > 1 and _is_empty(path):
            found.alert_rules[path] = 0
        else:
            _guarded(_check, path, env, now, found)
    for file in dict.fromkeys([*found.alertmanagers, *([alertmanager] if alertmanager else [])]):
        _guarded(_compare, file, env, now, found)
    found.problems, found.notes = sorted(set(found.problems)), sorted(set(found.notes))
    return found


def _is_empty(path: FilePath) -> bool:
    try:
        document = read(read_file(path), str(path))
    except ConfigError:
        return False
    return document.value is None and not document.problems


def _guarded(check: _Check, path: FilePath, env: Mapping[str, str], now: datetime | None, found: Found) -> None:
    try:
        check(path, env, now, found)
    except ConfigError as error:
        found.problems += error.problems


def _check(path: FilePath, env: Mapping[str, str], now: datetime | None, found: Found) -> None:
    text, name = read_file(path), str(path)
    document = read(text, name)
    keys = set(document.value) if isinstance(document.value, dict) else set()
    if "tests" in keys and "rules" in keys:
        _check_tests(document, path)
        return
    if keys and keys <= set(RulesSettings.model_fields):
        rules, problems, document = read_rules(text, name)
        found.problems += problems
        if rules is not None and now is not None:
            found.notes += all_warnings.in_rules(rules, document)
        return
    foreign = alertmanager_file.recognized(text, name, document.value, _NEEDED)
    if foreign is alertmanager_file.Foreign.RULES:
        alert_rules, notes = alertmanager_file.alert_rules(text, name)
        found.alert_rules[path] = len(alert_rules)
        found.notes += notes
    elif foreign is not None:
        found.alertmanagers.append(path)
    elif "tests" in keys:
        _check_tests(document, path)
    elif keys and keys <= set(included_files.SECTIONS) and "teams" in keys:
        _check_team(document, path, env, found)
    else:
        _check_config(text, path, env, now, found)


def _check_team(document: Document, path: FilePath, env: Mapping[str, str], found: Found) -> None:
    # An included file: the names that it uses are checked with the configuration that includes it.
    document = read(read_file(path), str(path), Environment(env).expand)
    _raise(document.problems)
    raw: dict[str, object] = {}
    main = Document(f"{path} (included)", {"include": [str(path.absolute())]})
    problems, _ = included_files.include_files(raw | main.value, main, path.parent, lambda file: document)
    for section in included_files.SECTIONS:
        value = document.value.get(section)
        if isinstance(value, dict):
            _, wrong = validate(Sections.model_fields[section].annotation, value, document, (section,))
            problems += wrong
    found.problems += problems


def _check_config(text: str, path: FilePath, env: Mapping[str, str], now: datetime | None, found: Found) -> None:
    _refuse_foreign(text, path)
    reading = reading_of(text, str(path), env, path.parent)
    found.problems += reading.mistakes
    if parts := sorted({problem.file for problem in reading.mistakes} - {str(path)}):
        found.wrong_parts[str(path)] = parts
    found.notes += reading.notes
    if reading.draft is not None:
        found.drafts.append(reading.draft)
        # Warnings across sections are only possible if the sections are valid.
        if now is not None and not reading.mistakes:
            found.notes += all_warnings.in_config(reading.draft, now)
    if now is not None and reading.rules is not None and reading.rules_document is not None:
        found.notes += all_warnings.in_rules(reading.rules, reading.rules_document)


def _refuse_foreign(text: str, path: FilePath) -> None:
    # In a file of another program, every key would be reported as unknown, with a wrong suggestion.
    value = read(text, str(path)).value
    keys = [key for key in value if isinstance(key, str)] if isinstance(value, dict) else []
    near = any(get_close_matches(key[:MOST], _NEEDED, 1, NEAR) for key in keys)
    if len(keys) < FOREIGN_KEYS or near or not set(keys).isdisjoint(Sections.model_fields):
        return
    said = f"not a configuration of this service: it has {', '.join(key[:40] for key in keys[:FOREIGN_KEYS])}"
    hint = "a configuration has channels and severities; for Helm values, check the file that sets alertmanager.config"
    raise ConfigError([Problem(str(path), 1, 1, "", f"{said}{' ...' if keys[FOREIGN_KEYS:] else ''}", hint)])


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


def _compare(path: FilePath, env: Mapping[str, str], now: datetime | None, found: Found) -> None:
    routings = alertmanager_file.read_all(read_file(path), str(path))
    drafts = found.drafts
    if not drafts:
        default = PACKAGED / "receiver.yaml"
        reading = reading_of(read_file(default), str(default), env, PACKAGED)
        drafts = [reading.draft] if reading.draft else []
    for draft in drafts:
        problems, notes = alertmanager_file.compare_all(routings, draft)
        found.problems += problems
        found.notes += notes


_Check = Callable[[FilePath, Mapping[str, str], datetime | None, Found], None]


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(problems)
