"""Output on a terminal of 80 columns: no line is wider, and untrusted text contains no control characters."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest

from receiver.cli import incident_view, terminal_view
from receiver.cli.commands import postmortem

LONG = "HighErrorRate on checkout: more than 7.3 percent of the requests of the last five minutes fail \x1b[2J" * 2
INCIDENT: dict[str, Any] = {
    "id": "INC-2026-0001", "severity": "SEV-1", "state": "acknowledged", "opened_at": "2026-11-29T04:22:36.123Z",
    "service": "a-very-long-name-of-a-service", "title": LONG, "drill": False,
    "decision": {"severity": "SEV-1", "rule": "outage", "reasons": ["availability 0% < 90%"], "scope": "all_users",
                 "scope_from": None, "capped_by": None, "next_worse": None, "measured": {}, "rules_hash": "x"},
    "alerts": {"firing": 1, "resolved": 0, "items": [
        {"status": "firing", "labels": {"alertname": "ApiDown", "x": "y" * 200}, "annotations": {}}]},
    "pages": [{"at": "2026-11-29T04:22:37.000Z", "person": "alice", "contact": "on-call", "status": "acknowledged"}],
    "receipts": [{"at": "2026-11-29T04:22:38.000Z", "channel": "pager", "outcome": "delivered", "action": "trigger"}],
}  # fmt: skip
EVENTS = {"items": [{"at": "2026-11-29T04:22:36.123Z", "kind": "opened", "text": LONG}]}


class Screen:
    """A wide terminal with colors."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def text(self) -> str:
        return self.capsys.readouterr().out


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Screen:
    for module in (incident_view, postmortem):
        monkeypatch.setattr(module, "on_terminal", lambda: True)
    for name, value in (("COLUMNS", "200"), ("TERM", "xterm-256color"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def ask(url: str, path: str, token: str, *_: Any, **__: Any) -> Any:
        if path.endswith("/similar"):
            return {}
        if path.endswith("/timeline"):
            return EVENTS
        return INCIDENT if "INC-" in path else {"items": [INCIDENT], "next": None}

    monkeypatch.setattr(incident_view, "ask", ask)
    return Screen(capsys)


def plain_lines(text: str) -> list[str]:
    assert "\x1b[2J" not in text
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert [line for line in lines if len(line) > terminal_view.WIDEST] == []
    return [line.rstrip() for line in lines]


def test_a_list_has_a_line_for_each_incident_and_colors_its_severity(screen: Screen) -> None:
    incident_view.list_incidents()
    text = screen.text()
    head, row = plain_lines(text)
    assert head.split() == ["id", "severity", "state", "opened", "service", "title"]
    assert row.split()[:3] == ["INC-2026-0001", "SEV-1", "acknowledged"]
    assert "11-29 04:22" in row and "HighErr" in row
    assert re.search(r"\x1b\[[0-9;]*m" + "SEV-1", text)


@pytest.mark.parametrize("receipts", [False, True])
def test_an_incident_fits_and_hides_its_receipts(screen: Screen, receipts: bool) -> None:
    incident_view.show_incident("INC-2026-0001", receipts=receipts)
    lines = plain_lines(screen.text())
    assert lines[0] == "INC-2026-0001  SEV-1  acknowledged"
    assert any("pager trigger delivered" in line for line in lines) is receipts
    assert any("--receipts" in line for line in lines) is not receipts
    assert any(line.startswith("11-29 04:22:36") for line in lines)


def test_markdown_is_laid_out_on_a_terminal(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"# Review\n\n**Status**: [draft](https://evil.example)\n\n{LONG}\n"
    monkeypatch.setattr(postmortem, "fetch", lambda *_, **__: text.encode())
    postmortem.write("/x", "md", None, "", "")
    text = screen.text()
    lines = plain_lines(text)
    assert not any("**" in line for line in lines)
    assert any("Review" in line for line in lines)
    assert "\x1b]8" not in text, "no active link"


def test_in_a_pipe_everything_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(incident_view, "ask", lambda *_: {"items": [INCIDENT], "next": None})
    incident_view.list_incidents()
    assert capsys.readouterr().out.startswith("INC-2026-0001\tSEV-1\tacknowledged\t2026-11-29T04:22:36.123Z\t")


class Errors(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    made = Errors(terminal)
    monkeypatch.setattr(sys, "stderr", made)
    with terminal_view.progress("incidents written") as advance:
        advance(3)
    assert ("incidents written" in made.getvalue()) is terminal
