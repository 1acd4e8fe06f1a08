"""docs/rules.md is correct: its files are written, its commands are run, and they print the page's output."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from receiver.cli import app
from receiver.model.alert.severity_unknowns import KINDS
from tests.cli.test_file_commands import receiver

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w*) ?([\w.-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_example_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = run = 0
    for kind, name, text in BLOCK.findall(PAGE):
        if name:
            (tmp_path / name).write_text(text)
            written += 1
        elif kind == "console":
            command, _, expected = text.partition("\n")
            words = shlex.split(command.removeprefix("$ receiver "))
            assert receiver(*words).output.rstrip() == expected.rstrip(), command
            run += 1
    assert (written, run) == (10, 7)


@pytest.mark.parametrize(
    "line", [line for kind, name, text in BLOCK.findall(PAGE) if not kind for line in text.splitlines()]
)
def test_every_other_command_can_be_written_so(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "receiver"
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for item in command.params for option in item.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_kind_of_unknown_is_told_of() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(KINDS)
