"""Commands about files: their output and exit codes."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from receiver import __version__
from receiver.cli import app
from tests.config.sample import SMALL
from tests.stories.world import alert, notification

RULES = """rules: severity-rules.yaml
tests:
  - name: a case
    alerts: [{labels: {alertname: ApiDown}}]
    expect: {severity: %s}
"""
NOW = "2026-11-23T14:02:20Z"


def receiver(*words: object, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], env=env or {})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_version() -> None:
    assert receiver("--version").output == f"receiver {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "check-config", "test-rules", "simulate", "send-alert", "incident"])
def test_every_command_explains_itself(command: str) -> None:
    result = receiver(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "words", [["nonsense"], ["simulate"], ["check-config"], ["serve", "--nonsense"], ["incident", "show"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    assert receiver(*words).exit_code == 2


def test_a_configuration_is_not_good_while_a_file_that_it_includes_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "teams").mkdir()
    team, main = tmp_path / "teams" / "a.yaml", tmp_path / "receiver.yaml"
    main.write_text(SMALL + "include: [teams/*.yaml]\n")
    team.write_text("teams: {a: {matchers: ['team=\"a\"'], chat: 7}}\n")
    result = receiver("check-config", main)
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith(f"{team}:1:")
    assert lines[-1] == f"{main}: invalid, because of {team}"
    team.write_text("teams: {a: {matchers: ['team=\"a\"']}}\n")
    assert receiver("check-config", main).output.splitlines()[-1].startswith(f"{main}: ok")


def test_a_good_configuration_is_good_and_unwise_is_not_wrong(root: Path) -> None:
    file = root / "config" / "receiver.yaml"
    assert receiver("check-config", file).exit_code == 0
    assert receiver("check-config", file, "--strict").exit_code == 1


def test_the_channels_that_are_off_are_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTMANAGER_TOKEN", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("ADMIN_TOKEN", "fedcba9876543210fedcba9876543210")
    file = root / "config" / "receiver.yaml"
    (line, last) = receiver("check-config", file).output.splitlines()
    assert "channels: 6 are off: chat (bot_token is empty), status (api_key is empty)" in line
    assert line.endswith(" [warning]")
    assert last == f"{file}: ok, 1 warning"


def test_every_mistake_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "receiver.yaml"
    file.write_text("service: {nam: x}\nseverities: {}\nchannels: {chat: {kind: slak}}\n")
    result = receiver("check-config", file)
    assert result.exit_code == 1
    lines = [line for line in result.output.splitlines() if not line.endswith("[warning]") and line[0] != " "]
    assert len(lines) >= 2
    assert all(re.match(rf"{re.escape(str(file))}:\d+:\d+: ", line) for line in lines)
    rows = json.loads(receiver("check-config", file, "--format", "json").output)["problems"]
    assert {"line", "column", "path", "message", "hint", "level"} <= set(rows[0])
    assert receiver("check-config", file, "--format", "github").output.startswith("::error file=")


def test_the_line_is_shown_with_a_caret_and_a_warning_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - {name: 5% more, severity: SEV-2, matchers: ['a=\"x\"', 'a=\"y\"']}\n")
    shown = receiver("check-config", file)
    said, line, caret, last = shown.output.splitlines()
    assert said == f'{file}:2:58: rules[0].matchers[1]: never holds: a="x" and a="y" [warning]'
    assert line[caret.index("^") :] == "'a=\"y\"']}"
    assert (shown.exit_code, last) == (0, f"{file}: ok, 1 warning")
    strict = receiver("check-config", file, "--strict", "--format", "json")
    assert (strict.exit_code, json.loads(strict.output)["problems"][0]["level"]) == (1, "warning")
    file.write_text("otherwise: {map: {100%: SEV-9}}\n")
    marked = receiver("check-config", file, "--format", "github").output
    assert marked.startswith(f"::error file={file},line=1,col=25::otherwise.map.100%25: no such value")


def test_alertmanagers_file_is_read_too(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text("route: {receiver: a, group_by: [alertname]}\nreceivers: [{name: a}]\n")
    result = receiver("check-config", root / "config" / "severity-rules.yaml", "--alertmanager", file)
    assert result.exit_code == 0
    assert f"{file}:2:1: receivers: no receiver sends to this service" in result.output
    assert f"{file}: ok, 1 warning" in result.output
    file.write_text("route: {receiver: b, group_by: [alertname]}\nreceivers: [{name: a}]\n")
    result = receiver("check-config", root / "config" / "severity-rules.yaml", "--alertmanager", file)
    assert result.exit_code == 1
    assert f'{file}:1:19: route.receiver: no receiver is named "b"' in result.output


def test_the_warnings_of_every_file_are_counted_at_its_name(tmp_path: Path) -> None:
    config, upstream = tmp_path / "receiver.yaml", tmp_path / "alertmanager.yml"
    token = "auth: {tokens: [{name: a, token: short, scopes: [ingest]}]}\n"
    config.write_text(SMALL + token)
    hook = "{url: 'http://a/webhooks/alertmanager', max_alerts: 5, http_config: {authorization: {credentials: short}}}"
    upstream.write_text(f"route: {{receiver: a}}\nreceivers: [{{name: a, webhook_configs: [{hook}]}}]\n")
    result = receiver("check-config", config, "--alertmanager", upstream)
    last = [line for line in result.output.splitlines() if ": ok" in line]
    counted = {
        str(file): sum(line.startswith(f"{file}:") and "[warning]" in line for line in result.output.splitlines())
        for file in (config, upstream)
    }
    assert result.exit_code == 0
    assert min(counted.values()) >= 2
    assert last == [f"{file}: ok, {count} warnings" for file, count in counted.items()]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = receiver("check-config", tmp_path / "none.yaml")
    assert result.exit_code == 1
    assert "cannot be read" in result.output


def test_rule_tests_pass_or_show_the_difference(root: Path, tmp_path: Path) -> None:
    result = receiver("test-rules", root / "config" / "severity-rules.test.yaml")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "21 of 21 passed")
    (tmp_path / "severity-rules.yaml").write_text((root / "config" / "severity-rules.yaml").read_text())
    file = tmp_path / "some.test.yaml"
    file.write_text(RULES % "SEV-3")
    result = receiver("test-rules", file)
    assert result.exit_code == 1
    assert "severity: expected SEV-3, got SEV-1" in result.output
    assert result.output.splitlines()[-1] == "0 of 1 passed"
    file.write_text(RULES % "SEV-1")
    assert receiver("test-rules", file).exit_code == 0


def simulated(root: Path, tmp_path: Path, body: bytes, *more: str) -> Result:
    file = tmp_path / "payload.json"
    file.write_bytes(body)
    names = ("ALERTMANAGER", "RESPONDER", "ADMIN")
    env = {f"{name}_TOKEN": name for name in names} | {
        "SLACK_BOT_TOKEN": "xoxb-secret",
        "SLACK_SIGNING_SECRET": "s" * 32,
    }
    return receiver("simulate", file, "--config", root / "config" / "receiver.yaml", "--at", NOW, *more, env=env)


def test_a_dry_run_says_why_who_when_and_what(root: Path, tmp_path: Path) -> None:
    body = notification(alert(annotations={"error_rate": "7.3%"}))
    result = simulated(root, tmp_path, body, "--format", "json")
    assert result.exit_code == 0
    (incident,) = json.loads(result.output)["incidents"]
    assert (incident["severity"], incident["decision"]["rule"]) == ("SEV-2", "high-error-rate")
    rung = [(page["minute"], page["person"]) for page in incident["pages"]]
    assert rung == [(0, "alice"), (15, "eng-lead"), (15, "bob"), (30, "vp-eng")]
    assert incident["until"] == "acknowledged"
    assert {message["channel"] for message in incident["messages"]} == {"pager", "chat", "mail"}
    assert "xoxb-secret" not in result.output
    assert "a71019f5bc793dcfd889a925a7adff16" not in result.output
    words = simulated(root, tmp_path, body).output
    for said in ("SEV-2", "7.3%", "alice", "at minute 15: eng-lead", "send      pager to alice"):
        assert said in words


def test_a_dry_run_shows_the_whole_decision(root: Path, tmp_path: Path) -> None:
    body = notification(alert("IntegrationDown", labels={"tenant": "acme"}))
    decision = json.loads(simulated(root, tmp_path, body, "--format", "json").output)["decision"]
    assert decision["scope_from"] == "1 tenant counted in label tenant"
    assert simulated(root, tmp_path, body).output.splitlines()[1:6] == [
        '  because   integration-down: alertname="IntegrationDown"; at most SEV-3: scope is single_tenant',
        "  scope     single_tenant (1 tenant counted in label tenant)",
        "  capped by single-tenant",
        "  worse     integration-down (SEV-2) if the cap single-tenant did not apply",
        f"  rules     {decision['rules_hash']}",
    ]


def test_what_is_no_notification_cannot_be_simulated(root: Path, tmp_path: Path) -> None:
    assert simulated(root, tmp_path, b"[]").exit_code == 1
    assert receiver("simulate", tmp_path / "none.json").exit_code == 1
    assert simulated(root, tmp_path, b"{}", "--at", "yesterday").exit_code == 2


def test_a_terminal_is_safe_from_what_a_label_says(root: Path, tmp_path: Path) -> None:
    result = simulated(root, tmp_path, notification(alert("x\x1b[2J\u202e", labels={"service": "\x9b"})))
    assert result.exit_code == 0
    assert not {"\x1b", "\x9b", "\u202e"} & set(result.output)


@pytest.mark.parametrize("words", [["incident", "list"], ["incident", "show", "INC-1"], ["send-alert"]])
def test_a_service_that_cannot_be_reached_is_3(words: list[str], unused_tcp_port: int) -> None:
    result = receiver(*words, "--url", f"http://127.0.0.1:{unused_tcp_port}", "--token", "hunter2")
    assert result.exit_code == 3
    assert "hunter2" not in result.output


def test_a_caller_without_a_token_is_told_how_to_name_one() -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"detail": "missing or unknown token"}'
            self.send_response(401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        result = receiver("incident", "list", "--url", f"http://127.0.0.1:{server.server_port}")
        thread.join()
    assert result.exit_code == 1
    assert result.output == "missing or unknown token (give one with --token or RECEIVER_TOKEN)\n"


@pytest.mark.parametrize("url", ["ftp://x", "file:///etc/passwd", "localhost:8080"])
def test_another_kind_of_address_is_wrong_usage(url: str) -> None:
    assert receiver("incident", "list", "--url", url).exit_code == 2


def test_a_label_without_a_value_is_wrong_usage() -> None:
    assert receiver("send-alert", "--label", "novalue", "--url", "http://127.0.0.1:1").exit_code == 2


def test_a_configuration_with_mistakes_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "receiver.yaml"
    file.write_text("service: {nam: x}\n")
    result = receiver("serve", "--config", file)
    assert result.exit_code == 1
    assert f"{file}:1:" in result.output


@pytest.mark.parametrize("words", [["incident", "list"], ["send-alert"], ["drill"], ["oncall", "show"]])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (501, b"<html>"),
        (404, b"[1]"),
        (405, b""),
        (200, b"hello"),
        (200, b"{}"),
        (200, b"\xff"),
        (502, b'{"detail": 7}'),
    ],
)
def test_where_something_else_answers_the_address_is_told(words: list[str], status: int, body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = receiver(*words, "--url", url)
        thread.join()
    assert done.exit_code in (1, 3), done.output
    assert f"{url} returned " in done.output or f"the response of {url} " in done.output
    assert "is receiver running there? Give its address with --url or RECEIVER_URL" in done.output
