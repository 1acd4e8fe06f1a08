"""Shipped files for Grafana, Prometheus and Alertmanager match the code and each other, and the tools accept them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from deploy.grafana.__main__ import CARRIED, DATA
from deploy.grafana.dashboard import text
from receiver.cli import app
from receiver.config.file_checks import check_files
from receiver.metrics import Metrics
from tests.e2e.prometheus_observer import alerts, panels

ROOT = Path(__file__).parents[1]
PROMETHEUS, ALERTMANAGER = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "alertmanager"
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation")
PROMISED = """
webhooks_total webhook_duration_seconds alerts_total rule_hits_total incidents_opened_total incidents_open
incident_acknowledge_seconds incident_resolve_seconds incident_detect_seconds duplicates_total deliveries_total
delivery_duration_seconds delivery_lag_seconds outbox_depth outbox_oldest_timestamp_seconds dead_letters pages_total
escalations_total response_breaches_total circuit_open watchdog_last_seen_timestamp_seconds
config_last_reload_successful config_last_reload_timestamp_seconds store_up store_durability_info
severity_unknowns_total overdue_work build_info
"""
"""Names that users and other systems depend on: they may be added to, but not removed."""
OF_OTHERS = {"receiver_pages_accepted"}
"""Names that recording rules create."""


def exported() -> set[str]:
    """Return every name that a query may use."""
    found = set()
    for metric in Metrics().registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count", ""), "info": ("_info",)}
        found |= {f"{metric.name}{ending}" for ending in endings.get(metric.type, ("",))}
    return found


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_every_promised_metric_is_exported() -> None:
    assert {f"receiver_{name}" for name in PROMISED.split()} - exported() == set()


def test_the_dashboard_is_what_the_code_builds() -> None:
    assert CARRIED[0].read_text("utf-8") == text(), "run `make boards`"


def test_the_package_carries_the_same_files() -> None:
    for path in CARRIED:
        assert (DATA / path.name).read_bytes() == path.read_bytes(), f"{path.name}: run `make boards`"


def test_each_metric_that_is_asked_for_or_explained_is_exported() -> None:
    places = [*PROMETHEUS.glob("*.yaml"), CARRIED[0], *RUNBOOKS.glob("*.md")]
    for place in places:
        named = set(re.findall(r"(?<![\w:])receiver_\w+", place.read_text("utf-8")))
        assert named - exported() - OF_OTHERS == set(), place.name


def test_the_dashboard_has_what_it_speaks_of() -> None:
    board = json.loads(CARRIED[0].read_text("utf-8"))
    variables = {one["name"] for one in board["templating"]["list"]}
    assert variables == {"datasource", "namespace", "job", "severity", "team", "channel", "console"}
    asked = json.dumps([board["panels"], board["links"], board["annotations"], board["templating"]])
    spoken_of = set(re.findall(r"\$\{?(\w+)", asked)) - {"__rate_interval", "__range", "__all"}
    assert spoken_of <= variables
    assert all(link["url"].startswith("${console:raw}/") for link in board["links"])
    assert {one["name"] for one in board["annotations"]["list"]} >= {"Incidents", "Incidents opened (Prometheus)"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert len(panels()) > 40
    assert all(panel["description"] for panel in board["panels"] if panel["type"] != "row")


def test_each_alert_says_what_it_means_and_where_to_read_on() -> None:
    words = yaml.safe_load((ROOT / "config" / "severity-rules.yaml").read_text("utf-8"))["otherwise"]["map"]
    index = (RUNBOOKS / "index.md").read_text("utf-8")
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    for rule in alerts():
        name = rule["alert"]
        assert rule["labels"]["severity"] in words, "the severity rules know the word"
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{name}/")
        page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
        assert [line for line in page.splitlines() if line.startswith("#")] == [f"# {name}", *SECTIONS]
        assert f"[{name}]({name}.md) | {rule['labels']['severity']} |" in index
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {*names, "index"}, "a page without an alert"


def test_the_commands_of_the_runbooks_exist() -> None:
    root = typer.main.get_command(app)
    seen = 0
    for page in RUNBOOKS.glob("*.md"):
        for line in re.findall(r"(?:^|`|-- )(receiver [a-z][^`\n|]*)", page.read_text("utf-8"), re.MULTILINE):
            command: Any = root
            words = line.split()[1:]
            while words and hasattr(command, "commands"):
                command = command.commands.get(words.pop(0))
                assert command is not None, f"{page.name}: {line}"
            options = {name for parameter in command.params for name in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options, f"{page.name}: {line}"
            seen += 1
    assert seen > 20


def test_promtool_likes_the_rules_and_their_tests() -> None:
    checked = run("promtool", "check", "rules", "recording.yaml", "alerts.yaml", folder=PROMETHEUS)
    assert checked.returncode == 0, checked.stderr
    tested = run("promtool", "test", "rules", "alerts.test.yaml", "recording.test.yaml", folder=PROMETHEUS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_has_a_unit_test_and_a_longer_wait_fails_it(tmp_path: Path) -> None:
    named = {one["name"] for one in yaml.safe_load((PROMETHEUS / "alerts.test.yaml").read_text("utf-8"))["tests"]}
    assert {rule["alert"] for rule in alerts()} <= named
    slower = (PROMETHEUS / "alerts.yaml").read_text("utf-8").replace("for: 2m", "for: 20m")
    (tmp_path / "alerts.yaml").write_text(slower, "utf-8")
    (tmp_path / "alerts.test.yaml").write_bytes((PROMETHEUS / "alerts.test.yaml").read_bytes())
    tested = run("promtool", "test", "rules", "alerts.test.yaml", folder=tmp_path)
    assert tested.returncode != 0
    assert "ReceiverWorkOverdue" in tested.stdout + tested.stderr


def test_the_commands_print_what_is_shipped(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["dashboard"])
    assert json.loads(said.output)["uid"] == "receiver-incidents"
    both = CliRunner().invoke(app, ["alert-rules", "--runbooks", "https://wiki.example.org/r/"]).output
    groups = [group["name"] for group in yaml.safe_load(both)["groups"]]
    assert groups == ["receiver-traffic", "receiver-incidents", "receiver-reach", "receiver-work", "receiver-state"]
    assert both.count("https://wiki.example.org/r/Receiver") == len(alerts())
    assert "docs.example.com" not in both
    (tmp_path / "rules.yaml").write_text(both, "utf-8")
    assert run("promtool", "check", "rules", "rules.yaml", folder=tmp_path).returncode == 0
    for kind, file in (("alerts", "alerts.yaml"), ("recording", "recording.yaml")):
        printed = CliRunner().invoke(app, ["alert-rules", "--kind", kind]).output
        assert printed == (PROMETHEUS / file).read_text("utf-8")
        assert yaml.safe_load(printed).keys() == {"groups"}


def test_amtool_likes_the_configuration_for_its_version() -> None:
    old = run("amtool", "check-config", "alertmanager.yml", folder=ALERTMANAGER)
    assert old.returncode == 0, old.stdout + old.stderr
    new = run("amtool", "check-config", "alertmanager-0.28.yml", folder=ALERTMANAGER)
    complaints = re.findall(r"field \w+ not found", new.stdout + new.stderr)
    assert complaints in ([], ["field timeout not found"]), "only the timeout is newer"


def test_the_newer_configuration_only_adds_the_timeout() -> None:
    def content(name: str) -> Any:
        return yaml.safe_load((ALERTMANAGER / name).read_text("utf-8"))

    newer = content("alertmanager-0.28.yml")
    assert newer["receivers"][0]["webhook_configs"][0].pop("timeout") == "10s"
    assert newer == content("alertmanager.yml")


@pytest.mark.parametrize("name", ["alertmanager.yml", "alertmanager-0.28.yml"])
def test_it_fits_the_reference_configuration(name: str) -> None:
    env = {
        "ALERTMANAGER_TOKEN": "alertmanager-token-of-a-test", "RESPONDER_TOKEN": "responder-token-of-a-test",
        "ADMIN_TOKEN": "administrator-token-of-a-test", "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s" * 32,
        "ALERTMANAGER_URL": "http://alertmanager:9093",
    }  # fmt: skip
    for config in (ROOT / "config" / "receiver.yaml", ROOT / "deploy" / "k8s" / "base" / "receiver.yaml"):
        if config.exists():
            problems, notes = check_files([config], env, alertmanager=ALERTMANAGER / name)
            assert [problem for problem in (*problems, *notes) if problem.file.endswith(name)] == []


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["alertname=Watchdog"], "incidents"),
        (["alertname=ApiDown", "service=api"], "incidents"),
        (["alertname=ReceiverAbsent", "service=receiver", "severity=critical"], "without-receiver,incidents"),
        (["alertname=ReceiverReloadFailed", "service=receiver", "severity=warning"], "incidents"),
    ],
)
def test_where_alerts_go(labels: list[str], receivers: str) -> None:
    said = run("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels, folder=ALERTMANAGER)
    assert said.stdout.strip() == receivers
