"""`receiver check-config`: errors and warnings in files, each with its position."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from receiver.config import Problem
    from receiver.config.file_checks import Found

Files = Annotated[
    list[Path],
    typer.Argument(metavar="F...", help="Configurations, severity rules, rule tests, and Alertmanager files."),
]


class Form(StrEnum):
    """Output formats of problems."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check_config(
    files: Files,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    form: Annotated[Form, typer.Option("--format", help="Output format of the report.")] = Form.TEXT,
    alertmanager: Annotated[
        Path | None,
        typer.Option("--alertmanager", metavar="FILE", help="An alertmanager.yml to check for problems."),
    ] = None,
) -> None:
    """Report all errors in configurations, severity rules and rule tests, and warn about risky settings."""
    from receiver.clock import Clock
    from receiver.config.file_checks import look_at

    found = look_at(files, os.environ, now=Clock().now(), alertmanager=alertmanager)
    problems, notes = found.problems, found.notes
    marked = [("error", problem) for problem in problems] + [("warning", note) for note in notes]
    if form is Form.JSON:
        rows = [{"level": level, **vars(problem)} for level, problem in marked]
        typer.echo(json.dumps({"problems": rows}, ensure_ascii=False))
    elif form is Form.GITHUB:
        for level, problem in marked:
            typer.echo(_github(level, problem))
    else:
        _say(marked, list(dict.fromkeys([*files, *([alertmanager] if alertmanager else [])])), found)
    raise typer.Exit(1 if problems or (strict and notes) else 0)


def _say(marked: list[tuple[str, Problem]], files: list[Path], found: Found) -> None:
    from receiver.config.error_excerpt import Excerpts
    from receiver.config.loader.config_loader import read_file

    excerpts = Excerpts(read_file)
    off = [problem for _, problem in marked if _is_off(problem)]
    told: set[str] = set()
    for level, problem in marked:
        same = [one for one in off if one.file == problem.file]
        if len(same) > 1 and _is_off(problem):
            if problem.file not in told:
                typer.echo(f"{_together(same)} [warning]")
            told.add(problem.file)
            continue
        typer.echo(f"{problem}{'' if level == 'error' else ' [warning]'}")
        for line in excerpts.under(problem):
            typer.echo(line)
    wrong = {problem.file for level, problem in marked if level == "error"}
    # The files that a configuration names, such as its severity rules, are checked as well.
    for file in dict.fromkeys([*map(str, files), *(problem.file for _, problem in marked)]):
        switched_off = sum(problem.file == file for problem in off)
        unwise = sum(problem.file == file for _, problem in marked) - max(0, switched_off - 1)
        if file in found.wrong_parts and file not in wrong:
            typer.echo(f"{file}: invalid, because of {', '.join(found.wrong_parts[file])}")
        elif file not in wrong:
            typer.echo(f"{file}: ok" + (f", {unwise} warning{'s' if unwise > 1 else ''}" if unwise else ""))
        known = found.alert_rules.get(Path(file))
        if known is not None and file not in wrong:
            several = "" if known == 1 else "s"
            typer.echo(
                f"  {known} Prometheus alert rule{several}, not a file of this service; to see the severity of each: "
                f"receiver simulate --prometheus-rules {file}"
            )


def _is_off(problem: Problem) -> bool:
    return problem.path.startswith("channels.") and problem.message.startswith("off: ")


def _together(off: list[Problem]) -> Problem:
    # A complete example has many channels, and no one has credentials for all of them.
    names = [f"{one.path.removeprefix('channels.')} ({one.message.removeprefix('off: ')})" for one in off]
    hint = "set the empty values, or delete the channels that you do not use"
    return replace(off[0], path="channels", message=f"{len(off)} are off: {', '.join(names)}", hint=hint)


def _github(level: str, problem: Problem) -> str:
    where = f"{problem.path}: " if problem.path else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    place = f"file={_escaped(problem.file, ':,')},line={problem.line},col={problem.column}"
    return f"::{level} {place}::{_escaped(where + problem.message + hint)}"


def _escaped(text: str, more: str = "") -> str:
    # GitHub's own escapes: a percent sign and the code of a character.
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + more else c for c in text)
