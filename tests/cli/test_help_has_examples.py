"""Every command's help has examples that the command line accepts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from receiver.cli import app
from receiver.cli.help_examples import EXAMPLES

ROOT: Any = typer.main.get_command(app)


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(words), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


HERE = dict(commands(ROOT))


def parse(words: list[str]) -> str:
    """Parse the words as the command line would, without running the command. Returns the command's name."""
    command, path = ROOT, []
    while words and words[0] in getattr(command, "commands", {}):
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    command.make_context(path[-1], words, resilient_parsing=False)
    return " ".join(path)


def test_every_command_has_examples() -> None:
    assert [name for name in HERE if not EXAMPLES.get(name)] == [], "add them in receiver/cli/help_examples.py"


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) & set(HERE)))
def test_examples_are_good_usage_of_their_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in EXAMPLES[name]:
        call = line.partition(" | ")[0].partition(" > ")[0]
        words = [word for word in shlex.split(call) if not word.startswith("REDIS_URL=")]
        for word in words:
            if word.endswith((".yaml", ".yml", ".json", ".jsonl", ".md")):
                (tmp_path / word).touch()
        assert words.pop(0) == "receiver"
        assert parse(words) == name or hasattr(HERE[name], "commands")


@pytest.mark.parametrize("name", ["", "incident", "incident list", "serve"])
def test_help_shows_them_line_by_line(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "120"}).output
    lines = [line.strip() for line in shown.splitlines()]
    at = lines.index("Examples:")
    assert tuple(lines[at + 1 : at + 1 + len(EXAMPLES[name])]) == EXAMPLES[name]


def test_they_fit_a_terminal() -> None:
    assert [line for lines in EXAMPLES.values() for line in lines if len(line) > 100] == []
