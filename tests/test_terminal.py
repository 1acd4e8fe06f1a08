"""Multi-line output on a terminal: the start, and a page with untrusted text escaped."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from receiver import log
from receiver.terminal import TerminalRenderer
from tests.test_log import restored

_ = restored  # a fixture that restores the logging setup
NOW = datetime(2026, 11, 23, 14, 2, 11, 611000, UTC)
COLOR = re.compile(r"\x1b\[[0-9;]*m")
STARTED: dict[str, Any] = {
    "logger": "receiver", "event": "service_started", "console": "http://127.0.0.1:8080/",
    "alertmanager": "- url: http://127.0.0.1:8080/webhooks/alertmanager", "store": "embedded", "data": "receiver-data",
    "pages": ["console (log)"], "config": "the default",
}  # fmt: skip
PAGE: dict[str, Any] = {
    "logger": "receiver.channels.log", "event": "page_logged", "action": "trigger", "incident": "INC-2026-0001",
    "severity": "SEV-1", "title": "ApiDown: api - The API does not answer", "person": "alice", "contact": "on-call",
}  # fmt: skip


@pytest.fixture
def render() -> TerminalRenderer:
    return TerminalRenderer(lambda *_: "a line", lambda: 80)


def shown(render: TerminalRenderer, record: dict[str, Any]) -> list[str]:
    return COLOR.sub("", render(None, "info", record)).split("\n")


def test_the_start_shows_console_lines_for_alertmanager_and_where_pages_go(render: TerminalRenderer) -> None:
    lines = shown(render, STARTED)
    text = "\n".join(lines)
    assert "http://127.0.0.1:8080/" in text
    assert "Pages go to     this terminal only, which notifies no one (receiver init sets up a pager)" in lines
    at = lines.index("receivers:")
    # They can be copied into alertmanager.yml unchanged: no border, no prefix.
    assert [line.rstrip() for line in lines[at : at + 5]] == [
        "receivers:", "  - name: incidents", "    webhook_configs:",
        "      - url: http://127.0.0.1:8080/webhooks/alertmanager", "        send_resolved: true",
    ]  # fmt: skip
    assert "send-alert --alertname ApiDown" in text
    assert "--token" not in text


def test_the_start_names_pagers_the_token_and_another_port(render: TerminalRenderer) -> None:
    record = {
        **STARTED, "pages": ["pager (pagerduty)"], "sender": "alertmanager", "console": "http://127.0.0.1:9999/",
    }  # fmt: skip
    text = "\n".join(shown(render, record))
    assert "pager (pagerduty)" in text
    assert "<the token of alertmanager in auth.tokens>" in text
    assert "--url http://127.0.0.1:9999 --token TOKEN" in text


def test_the_start_says_where_messages_go_that_are_no_pages(render: TerminalRenderer) -> None:
    lines = shown(render, {**STARTED, "pages": ["terminal (log)"], "messages": ["mail (email)"]})
    assert "Pages go to     this terminal only, which notifies no one" in lines
    assert "Messages go to  mail (email)" in lines


def test_the_start_with_a_configuration_does_not_suggest_to_replace_it(render: TerminalRenderer) -> None:
    lines = shown(render, {**STARTED, "pages": ["terminal (log)"], "config": "receiver.yaml"})
    assert "Pages go to     this terminal only, which notifies no one (to add a pager: docs/channels.md)" in lines
    assert not any("receiver init" in line for line in lines)


def test_the_start_says_when_no_token_can_send_alerts(render: TerminalRenderer) -> None:
    text = "\n".join(shown(render, {**STARTED, "closed": True}))
    assert "No token in auth.tokens with the scope ingest has a value" in text
    assert "send-alert" not in text


def test_a_page_is_a_box_with_a_bell(render: TerminalRenderer) -> None:
    text = render(None, "critical", PAGE)
    assert text.startswith("\a")
    lines = COLOR.sub("", text).split("\n")
    assert "PAGE · SEV-1 · INC-2026-0001" in lines[0]
    assert lines[0].startswith("\a┏")
    assert lines[-2].startswith("┗")
    assert all(line.startswith("┃") and line.endswith("┃") for line in lines[1:-2])
    assert lines[-1].strip() == "receiver incident ack INC-2026-0001"
    body = "\n".join(lines)
    assert "ApiDown: api - The API does not answer" in body
    assert "for alice (on-call)" in body


def test_the_box_names_the_address_of_a_service_elsewhere(render: TerminalRenderer) -> None:
    render(None, "info", {**STARTED, "console": "http://127.0.0.1:9999/"})
    assert "--url http://127.0.0.1:9999" in "\n".join(shown(render, PAGE))


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_what_ends_a_page_is_a_line(render: TerminalRenderer, action: str) -> None:
    assert render(None, "warning", {**PAGE, "action": action}) == "a line"


def test_another_logger_makes_no_box(render: TerminalRenderer) -> None:
    assert render(None, "info", {**PAGE, "logger": "receiver.pipeline"}) == "a line"
    assert render(None, "info", {**STARTED, "logger": "x"}) == "a line"


@pytest.mark.parametrize(
    "title", ["[bold]x[/bold] [link=http://evil]y[/]", ":fire: [/]", "x" * 5000, "", "日本語" * 40]
)
def test_markup_in_a_title_means_nothing(render: TerminalRenderer, title: str) -> None:
    lines = shown(render, {**PAGE, "title": title})
    body = "".join(line.strip("┃").strip() for line in lines[1:-2])
    assert title.replace(" ", "") in body.replace(" ", "")
    assert "\x1b]8" not in render(None, "critical", {**PAGE, "title": title})


def test_through_the_log_control_characters_are_shown_and_not_done() -> None:
    out = io.StringIO()
    writer = log.configure(lambda: NOW, stream=out, terminal=True)
    fields = {name: value for name, value in PAGE.items() if name not in ("logger", "event")}
    structlog.get_logger("receiver.channels.log").critical("page_logged", **{**fields, "title": "a\x1b[2Jb\ac"})
    writer.close()
    assert "PAGE" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()
    assert out.getvalue().count("\a") == 1


def test_in_a_pipe_there_is_no_box() -> None:
    out = io.StringIO()
    writer = log.configure(lambda: NOW, stream=out, terminal=False)
    fields = {name: value for name, value in PAGE.items() if name not in ("logger", "event")}
    structlog.get_logger("receiver.channels.log").critical("page_logged", **fields)
    writer.close()
    assert out.getvalue().startswith("{")
    assert out.getvalue().count("\n") == 1
