"""The files that `include` names: each contains one team and its people, and is read as part of the main file."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from receiver.config.config_errors import ConfigError, Path, Problem, one_of
from receiver.config.loader import secret_files
from receiver.config.settings.whole_config import Sections
from receiver.config.yaml.yaml_document import Document

SECTIONS = ("teams", "people")
"""The sections that a team's file may have."""
_PATTERN = frozenset("*?[")


def include_files(
    raw: dict[str, Any], document: Document, base: FilePath, read: Callable[[FilePath], Document]
) -> tuple[list[Problem], list[Problem]]:
    """Add the teams and people of every included file to `raw`, and their places to `document`.

    Files are relative to `base`; `read` returns one as a document, and raises ConfigError. Returns the problems and
    the warnings.
    """
    problems: list[Problem] = []
    notes: list[Problem] = []
    listed = raw.get("include")
    if not isinstance(listed, list):
        return problems, notes
    places: dict[Path, Problem] = {
        (section, name): document.problem((section, name), "", at_key=True)
        for section in SECTIONS
        for name in (raw[section] if isinstance(raw.get(section), dict) else ())
    }
    known: set[FilePath] = {FilePath(document.file).absolute()}
    for index, entry in enumerate(listed):
        where: Path = ("include", index)
        if not isinstance(entry, str) or not entry:
            continue  # the section itself is already reported
        files = _matching(base, entry)
        if not files and _PATTERN & set(entry):
            notes.append(document.problem(where, "no file matches this name", "write the path of the team files"))
        for file in files or ([] if _PATTERN & set(entry) else [base / entry]):
            if file.absolute() in known:
                continue
            known.add(file.absolute())
            try:
                included = read(file)
            except ConfigError as error:
                said = error.problems[0]
                problems.append(document.problem(where, f"{file}: {said.message}", said.hint))
                continue
            problems += included.problems
            problems += _taken(raw, document, included, file.parent, places)
    return problems, notes


def _matching(base: FilePath, entry: str) -> list[FilePath]:
    pattern = str(FilePath(glob.escape(str(base))) / entry)
    return [FilePath(name) for name in sorted(glob.glob(pattern)) if FilePath(name).is_file()]


def _taken(
    raw: dict[str, Any], document: Document, included: Document, base: FilePath, places: dict[Path, Problem]
) -> Iterator[Problem]:
    value = included.value
    if not isinstance(value, dict):
        if not included.problems:
            yield included.problem((), "not a mapping", "write teams: with one team")
        return
    for key in value:
        if key not in SECTIONS:
            hint = one_of(key, SECTIONS)
            yield included.problem(
                (key,), "not allowed in a team's file, which may have only teams and people", hint, at_key=True
            )
    teams = value.get("teams")
    if not isinstance(teams, dict) or len(teams) != 1:
        message = "a team's file must have one team" + (f", not {len(teams)}" if isinstance(teams, dict) else "")
        yield included.problem(("teams",), message, "write teams: {NAME: {...}}, and another file for each other team")
    for section in SECTIONS:
        entries = value.get(section)
        if entries is None:
            continue
        if not isinstance(entries, dict):
            yield included.problem((section,), "not a mapping", "write key: value lines")
            continue
        yield from secret_files.read_files(
            entries, Sections.model_fields[section].annotation, included, base, (section,)
        )
        for name, entry in entries.items():
            yield from _entry(raw, document, included, (section, name), entry, places)


def _entry(
    raw: dict[str, Any], document: Document, included: Document, path: Path, entry: Any, places: dict[Path, Problem]
) -> Iterator[Problem]:
    section, name = str(path[0]), path[1]
    before = places.get(path)
    if before is not None:
        kind = "team" if section == "teams" else "person"
        message = f"this {kind} is also defined in {before.file}:{before.line}"
        yield included.problem(path, message, "keep one of them", at_key=True)
        return
    into = raw.setdefault(section, {})
    if not isinstance(into, dict):
        return
    into[name] = entry
    places[path] = included.problem(path, "", at_key=True)
    for inner, mark in included.marks.items():
        if inner[:2] == path:
            document.marks[inner] = replace(mark, file=included.file)
