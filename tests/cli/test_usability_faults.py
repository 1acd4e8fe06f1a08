"""Regression tests for faults that were found by using the command line, unless another test covers them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from receiver.cli import app, terminal_view
from receiver.cli.commands import deliveries, incident, status
from receiver.cli.commands.oncall import oncall
from tests.cli.test_file_commands import NOW
from tests.cli.test_service_client import receiver
from tests.cli.test_terminal_view import plain_lines
from tests.stories.world import ROOT, alert, notification
from tests.web.conftest import House

RUNBOOK = ROOT / "docs" / "runbooks" / "ReceiverPagesFailing.md"


async def test_9_the_command_of_the_runbook_tests_the_pager(house: House) -> None:
    (line,) = re.findall(r"^receiver (channels test .*)$", RUNBOOK.read_text(), re.MULTILINE)
    assert line == "channels test pager --to PERSON"
    code, out, err = await receiver(house, "admin-token", *line.replace("PERSON", "alice").split())
    assert (code, err) == (0, "")
    assert out.startswith("pager: ok")
    code, _, err = await receiver(house, "admin-token", *line.partition(" --to")[0].split())
    assert (code, "--to" in err, "needs a person" in err) == (1, True, True), "the missing value is named"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("incident", "action", "INC-2026-0001", "x", "--owner", "bob", "--due", "soon"), "due"),
        (("incident", "clock", "INC-2026-0001", "began", "2026-11-23T13:50:00Z"), "impact_began"),
        (("incident", "note", "INC-2026-0001", " "), "text"),
        (("oncall", "override", "primary", "bob", "--until", "x"), "neither a day nor a time"),
    ],
)
async def test_18_refusals_are_words_and_not_those_of_a_library(
    house: House, words: tuple[str, ...], said: str
) -> None:
    await house.world.post(notification(alert()))
    code, _, err = await receiver(house, "respond-token", *words)
    assert code in (1, 2)
    assert said in err
    for foreign in ("Input should be", "input is too short", "Traceback", "pydantic", "validation error"):
        assert foreign not in err, err
    assert not re.match(r"\d{3}:", err)


@pytest.mark.parametrize("command", ["incident list", "oncall show", "status show", "page"])
def test_18_help_of_url_names_its_variable(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert re.search(r"--url\b[^\n]*\bRECEIVER_URL\b", done.output), done.output


CHANNELS = {"items": [
    {"name": "pager", "kind": "pagerduty", "on": True, "uses": ["paging"], "resting": True, "resting_until": None,
     "last_error": "503", "last_error_at": "2026-11-29T04:22:36.123Z", "last_success": None},
    {"name": "hook\x1b[2J", "kind": None, "on": False, "why": "url is empty " + "x" * 200, "uses": [],
     "resting": False},
]}  # fmt: skip
PAGE = {"status": {"description": "Partial System Outage"}, "components": [{"name": "API", "status": "major_outage"}],
        "incidents": [{"name": "API: major outage", "status": "identified", "incident_updates": [
            {"display_at": "2026-11-29T04:22:36.123Z", "body": "We found it. " * 30}]}]}  # fmt: skip
LETTERS = {"items": [{"id": "5d2f8a1c9b3e", "at": "2026-11-29T04:22:36.123Z", "channel": "chat", "reason": "auth",
                      "detail": "invalid_auth " * 20, "incident": "INC-2026-0001"}]}  # fmt: skip
CHECKLIST = {"checklist": [
    {"item": 1, "text": "Review alert details", "done": True, "by": "alice", "at": "2026-11-29T04:22:36.123Z"},
    {"item": 2, "text": "Check recent deployments " * 6, "done": False},
]}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "call", "answer", "rows"),
    [
        (deliveries, deliveries.list_channels, CHANNELS, ["name kind state", "pager pagerduty paused pages are"]),
        (deliveries, deliveries.list_letters, LETTERS, ["id at channel", "5d2f8a1c9b3e 11-29 04:22 chat"]),
        (status, status.show, PAGE, ["component state", "API major outage", "API: major outage identified 11-29"]),
        (incident, partial(incident.checklist, "1"), CHECKLIST, ["done by", "alice 11-29 04:22 1. Review alert"]),
    ],
)  # fmt: skip
def test_18_lists_are_laid_out_on_a_terminal(
    module: Any, call: Any, answer: Any, rows: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in (("COLUMNS", "200"), ("TERM", "xterm-256color"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(module, "on_terminal", lambda: True)
    monkeypatch.setattr(module, "ask", lambda *_, **__: answer)
    call()
    lines = [" ".join(line.split()) for line in plain_lines(capsys.readouterr().out)]
    for row in rows:
        assert any(line.startswith(row) for line in lines), (row, lines)
    assert terminal_view.WIDEST == 80


def test_19_a_dry_run_prints_no_bodies_unless_it_is_asked_for_them(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_bytes(notification(alert("ApiDown")))
    env = {"SLACK_BOT_TOKEN": "xoxb-secret", "SLACK_SIGNING_SECRET": "s" * 32}
    config = str(ROOT / "config" / "receiver.yaml")

    def lines(*more: str) -> list[str]:
        done = CliRunner().invoke(app, ["simulate", str(file), "--config", config, "--at", NOW, *more], env=env)
        assert done.exit_code == 0, done.output
        return done.output.splitlines()

    short, whole = lines(), lines("--bodies")
    assert not any("{" in line for line in short)
    assert max(map(len, short)) < 200
    assert any(line.strip() == '"event_action": "trigger",' for line in whole), "one field per line"


def test_18_waiting_for_answers_shows_how_many_came(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[int]()

    @contextmanager
    def counted(what: str, total: int | None = None) -> Iterator[Any]:
        assert (what, total) == ("test pages answered", 2)
        yield told.append

    def proofs(*answered: bool) -> dict[str, Any]:
        return {"items": [{"person": name, "channel": "pager", "how": None, "answered": done, "proved_at": None}
                          for name, done in zip(("alice", "bob"), answered, strict=True)]}  # fmt: skip

    answers = iter([proofs(False, False), proofs(False, False), proofs(True, False), proofs(True, True)])
    monkeypatch.setattr(oncall, "progress", counted)
    monkeypatch.setattr(oncall, "EVERY", 0.001)
    monkeypatch.setattr(oncall, "ask", lambda *_, **__: next(answers))
    done = CliRunner().invoke(app, ["oncall", "prove"])
    assert (done.exit_code, told) == (0, [0, 1, 1]), done.output
