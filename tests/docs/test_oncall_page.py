"""docs/on-call.md is correct: its configurations load, and its commands and paths exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from unittest.mock import create_autospec

import pytest
import typer

from receiver.cli import app
from receiver.config import load_text
from receiver.web.api.calendars import CalendarApi, calendar_operations
from receiver.web.api.oncall import OnCallApi, oncall_operations
from tests.docs.test_configuration import complete

PAGE = (Path(__file__).parents[2] / "docs" / "on-call.md").read_text("utf-8")
PEOPLE = "".join(f"  {name}: {{name: {name.title()}, pager: {'a' * 32}}}\n" for name in ("ann", "ben", "cem", "dia"))
REST = """
severities: {SEV-1: {page: [on-call]}, SEV-2: {page: [on-call]}, SEV-3: {page: [on-call]}, SEV-4: {ticket: true}}
escalations: {}
contacts: {on-call: {schedule: primary}}
channels: {pager: {kind: pagerduty}}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_configuration_loads(text: str) -> None:
    if "schedules:" not in text:
        assert complete(text).severities
        return
    people = PEOPLE
    if text.startswith("people:\n"):
        given, text = text.split("schedules:\n")
        own = given.removeprefix("people:\n")
        people = own + "".join(line for line in PEOPLE.splitlines(True) if line.split(":")[0] not in own)
        text = f"schedules:\n{text}"
    config = load_text(f"people:\n{people}{text}{REST}", "page.yaml", {}, Path())
    assert config.schedules["primary"].people


@pytest.mark.parametrize("line", [line for text in blocks("console") for line in text.splitlines()])
def test_every_command_exists(line: str) -> None:
    program, group, name, *words = shlex.split(line.removeprefix("$ "))
    assert program == "receiver"
    assert group in ("oncall", "maintenance")
    command = typer.main.get_command(app)
    known = command.commands[group].commands[name]  # type: ignore[attr-defined]
    made = known.make_context(name, words, resilient_parsing=False)
    assert made.params


def test_every_path_exists() -> None:
    told = set(re.findall(r"^\| `(\w+) (/\S+)`", PAGE, re.MULTILINE))
    operations = [
        *oncall_operations(create_autospec(OnCallApi, instance=True)),
        *calendar_operations(create_autospec(CalendarApi, instance=True)),
    ]
    known = {(one.method, one.path) for one in operations}
    assert told == known - {("DELETE", "/api/v1/oncall/overrides")}
