"""Commands about files: check-config and test-rules."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from receiver.config import Problem

Files = Annotated[list[Path], typer.Argument(metavar="F...", help="Files.")]


class Form(StrEnum):
    """How problems are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check_config(
    files: Files,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as mistakes.")] = False,
    form: Annotated[Form, typer.Option("--format", help="How to write problems.")] = Form.TEXT,
) -> None:
    """Find every mistake in configurations, severity rules and rule tests."""
    from receiver.config import check_files

    problems, notes = check_files(files, os.environ)
    marked = [("error", problem) for problem in problems] + [("warning", note) for note in notes]
    if form is Form.JSON:
        rows = [{"level": level, **vars(problem)} for level, problem in marked]
        typer.echo(json.dumps({"problems": rows}, ensure_ascii=False))
    else:
        for level, problem in marked:
            typer.echo(_github(level, problem) if form is Form.GITHUB else _text(level, problem))
        if not marked and form is Form.TEXT:
            typer.echo("\n".join(f"{file}: good" for file in files))
    raise typer.Exit(1 if problems or (strict and notes) else 0)


def _text(level: str, problem: Problem) -> str:
    return str(problem) if level == "error" else f"{problem} [warning]"


def _github(level: str, problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    text = f"{problem.path}: {problem.message}{hint}".replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
    return f"::{level} file={problem.file},line={problem.line},col={problem.column}::{text}"


def test_rules(files: Files) -> None:
    """Run unit tests of severity rules; a difference for each that fails."""
    from receiver.config import check_files
    from receiver.config.document import read
    from receiver.triage.rule_tests import run
    from receiver.triage.rules import RuleSet
    from receiver.triage.rules_file import RulesSettings

    problems, _ = check_files(files, os.environ)
    if problems:
        for problem in problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1)
    failed = total = 0
    for file in files:
        # The reader of the configuration: a label that is written `no` stays text.
        document = read(file.read_text("utf-8"), str(file)).value
        if not isinstance(document, dict) or "tests" not in document:
            typer.echo(f"{file}: no rule tests (expected a file with `rules` and `tests`)", err=True)
            raise typer.Exit(1)
        beside = file.parent / str(document.get("rules"))
        rules = read(beside.read_text("utf-8"), str(beside)).value
        for result in run(document, RuleSet(RulesSettings.model_validate(rules))):
            total += 1
            failed += not result.passed
            typer.echo(result.report)
    typer.echo(f"{total - failed} of {total} passed")
    raise typer.Exit(1 if failed else 0)
