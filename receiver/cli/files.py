"""Commands about files: test-rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[list[Path], typer.Argument(metavar="F...", help="Files.")]


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
