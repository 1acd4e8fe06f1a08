"""docs/review.md is correct: its commands, metrics and figures exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer

from receiver.cli import app
from receiver.metrics import Metrics
from receiver.review.response_statistics import Figures, targets

PAGE = (Path(__file__).parents[2] / "docs" / "review.md").read_text("utf-8")


def test_every_command_exists() -> None:
    root = typer.main.get_command(app)
    said = re.findall(r"`(receiver [^`]+)`", PAGE)
    assert len(said) >= 10
    for line in said:
        words, command = shlex.split(line)[1:], root
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_metric_and_figure_exists() -> None:
    known = {sample.name for metric in Metrics().registry.collect() for sample in metric.samples} | {
        metric.name for metric in Metrics().registry.collect()
    }
    assert set(re.findall(r"`(receiver_[a-z_]+)", PAGE)) <= known
    figures = [row["metric"] for row in targets(Figures(), 0)]
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == figures
    assert [target.strip() for _, target in rows] == [row["target"] for row in targets(Figures(), 0)]
