"""`receiver rules diff` and the other forms of `receiver simulate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from receiver.model.alert.alert import parse_notification
from receiver.pipeline.intake.notification_history import notification_document
from tests.cli.test_file_commands import receiver
from tests.stories.world import alert, notification

PROMETHEUS = """groups:
  - name: api
    rules:
      - alert: HighErrorRate
        expr: errors > 0.05
        labels: {severity: warning}
        annotations: {error_rate: '{{ $value | humanizePercentage }}'}
      - alert: ApiDown
        expr: up == 0
"""


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    rules = (root / "config" / "severity-rules.yaml").read_text()
    (tmp_path / "old.yaml").write_text(rules)
    (tmp_path / "new.yaml").write_text(rules.replace("'error_rate > 5%'", "'error_rate > 10%'"))
    (tmp_path / "bad.yaml").write_text(rules.replace("at_most: SEV-3", "at_mist: SEV-3"))
    (tmp_path / "prometheus.yaml").write_text(PROMETHEUS)
    bodies = [
        notification(alert(annotations={"error_rate": rate}, labels={"zone": rate}), group=rate)
        for rate in ("7.3%", "12%")
    ]
    lines = [
        {"at": f"2026-11-2{day}T10:00:00Z", "notification": notification_document(parse_notification(body))}
        for day, body in enumerate(bodies, 1)
    ]
    kept = b"".join(orjson.dumps(line, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE) for line in lines)
    (tmp_path / "kept.jsonl").write_bytes(kept)
    return tmp_path


def diff(folder: Path, *more: object, new: str = "new.yaml", since: str = "36500d") -> Any:
    kept = folder / "kept.jsonl"
    return receiver("rules", "diff", "--new", folder / new, "--from", kept, "--since", since, *more)


def test_the_difference_is_said_for_people_and_for_programs(folder: Path) -> None:
    said = diff(folder)
    assert said.exit_code == 0
    assert said.output.splitlines() == [
        "2026-11-21T10:00:00.000Z  SEV-2 -> SEV-3  HighErrorRate: api",
        "  was  high-error-rate: error_rate 7.3% > 5%",
        "  now  otherwise: no rule matched and there is no label severity: fallback",
        "  not paged: on-call",
        "rule high-error-rate: 2 -> 1 incidents",
        "rule otherwise: 0 -> 1 incidents",
        "1 of 2 incidents differ, pages 2 -> 1 (0 more, 1 fewer), from 2 notifications",
    ]
    found = json.loads(diff(folder, "--format", "json").output)
    assert (found["incidents"], len(found["changed"]), found["unreadable"]) == (2, 1, 0)


def test_the_exit_code_is_for_a_pipeline(folder: Path) -> None:
    assert diff(folder, "--check").exit_code == 1
    assert diff(folder, "--check", new="old.yaml").exit_code == 0
    assert diff(folder, "--check", "--old", folder / "new.yaml").exit_code == 0


def test_rules_that_are_wrong_are_said_with_their_place(folder: Path) -> None:
    said = diff(folder, new="bad.yaml")
    assert said.exit_code == 1
    assert "bad.yaml:" in said.output and "did you mean at_most?" in said.output


@pytest.mark.parametrize(
    ("text", "word"), [("{", ":1: not a line"), ("[]\n", ":1: not a line"), ("\n1\n", "not a line")]
)
def test_another_file_is_no_history(folder: Path, text: str, word: str) -> None:
    (folder / "kept.jsonl").write_text(text)
    said = diff(folder)
    assert said.exit_code == 1
    assert word in said.output


def test_what_cannot_be_read_any_more_is_counted(folder: Path) -> None:
    with (folder / "kept.jsonl").open("a") as file:
        file.write('{"at": "2026-11-23T10:00:00Z", "notification": {"version": "3"}}\n')
    said = diff(folder, "--check", new="old.yaml")
    assert said.exit_code == 1
    assert "2026-11-23T10:00:00Z: cannot be read" in said.output


def test_a_span_that_is_none_is_wrong_usage(folder: Path) -> None:
    assert diff(folder, since="yesterday").exit_code == 2


def test_the_alert_rules_of_prometheus(folder: Path) -> None:
    said = receiver("simulate", "--prometheus-rules", folder / "prometheus.yaml", "--label", "scope=all_users")
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert [line.split()[:2] for line in lines[:1]] == [["HighErrorRate", "SEV-1"]]
    assert [line.split()[0] for line in lines[1:3]] == ["SEV-2", "SEV-3"]
    assert lines[3].split()[:2] == ["ApiDown", "SEV-1"]
    assert "error_rate 50.5% > 50%" in lines[0]
    found = json.loads(
        receiver("simulate", "--prometheus-rules", folder / "prometheus.yaml", "--format", "json").output
    )
    assert [item["alert"] for item in found["alerts"]] == ["HighErrorRate", "ApiDown"]
    assert [one["severity"] for one in found["alerts"][0]["possible"]] == ["SEV-2", "SEV-3"]


def test_one_of_three_and_no_more(folder: Path) -> None:
    both = receiver("simulate", folder / "x.json", "--prometheus-rules", folder / "prometheus.yaml")
    assert both.exit_code == receiver("simulate").exit_code == 2
    assert receiver("simulate", "--prometheus-rules", folder / "none.yaml").exit_code == 1
    assert receiver("simulate", "--prometheus-rules", folder / "old.yaml").exit_code == 1


def test_an_alertmanager_that_is_not_there_is_3(unused_tcp_port: int) -> None:
    assert receiver("simulate", "--alertmanager", f"http://127.0.0.1:{unused_tcp_port}").exit_code == 3
    assert receiver("simulate", "--alertmanager", "localhost:9093").exit_code == 2


def test_alert_rules_that_open_nothing_and_severities_known_only_when_they_fire(tmp_path: Path) -> None:
    file = Path(__file__).parents[2] / "samples" / "upstream" / "rules" / "watchdog.yml"
    lines = receiver("simulate", "--prometheus-rules", file).output.splitlines()
    assert lines[0].split(maxsplit=1) == ["Watchdog", "heartbeat, opens no incident"]
    assert lines[1].split(maxsplit=1) == ["InfoInhibitor", "inhibitor, opens no incident"]
    found = json.loads(receiver("simulate", "--prometheus-rules", file, "--format", "json").output)
    assert [item["opens"] for item in found["alerts"]] == ["heartbeat", "inhibitor", "incident"]
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{alert: A, expr: up, labels: {severity: '{{ $labels.level }}'}}]}]\n")
    said = receiver("simulate", "--prometheus-rules", rules).output
    assert [line.count("known only when it fires") for line in said.splitlines()] == [1, 1, 1, 1, 0]
    assert said.startswith("A " + " " * 31 + "SEV-1  by otherwise (known only when it fires)")


PAGER_ONLY = """
channels: {pager: {kind: pagerduty}}
people:
  zoe: {name: Zoe, pager: 0123456789abcdef0123456789abcdef}
  kim: {name: Kim, pager: fedcba9876543210fedcba9876543210}
contacts: {first: {person: zoe}, lead: {person: kim}}
severities:
  SEV-1: {page: [first]}
  SEV-2: {page: [first]}
  SEV-3: {notify: [first], escalation: later}
  SEV-4: {ticket: true}
escalations: {later: {steps: [{after: 25m, notify: [lead]}]}}
"""


def test_steps_that_only_notify_are_shown_and_whom_no_message_reaches_is_told(tmp_path: Path) -> None:
    payload, config = tmp_path / "payload.json", tmp_path / "receiver.yaml"
    payload.write_bytes(notification(alert("SlowQueue", labels={"severity": "warning"})))
    config.write_text(PAGER_ONLY)
    said = receiver("simulate", payload, "--config", config).output
    assert "  notify    at minute 0: zoe\n  notify    at minute 25: kim\n" in said
    assert "no enabled channel sends messages to zoe, kim, so they get no notifications" in said
    mail = "mail: {kind: email, smtp_url: smtp://mx, from: a@b.de}"
    config.write_text(PAGER_ONLY.replace("channels: {", f"channels: {{{mail}, ").replace("Zoe,", "Zoe, mail: z@b.de,"))
    found = json.loads(receiver("simulate", payload, "--config", config, "--format", "json").output)
    assert found["unreached"] == ["kim"]
    assert "  warning   " not in receiver("simulate", payload).output, (
        "the built-in configuration has a terminal for each"
    )
