"""`receiver test-rules` with pages, JUnit output and coverage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner, Result

from receiver.cli import app

ROOT = Path(__file__).parents[3]
HIGH = [{"labels": {"alertname": "HighErrorRate", "service": "api"}, "annotations": {"error_rate": "7.3%"}}]
EVERYBODY = [{"labels": {"alertname": "ApiDown", "scope": "all_users"}}]
AT = "2026-11-04T12:00:00Z"


def ran(folder: Path, expect: dict[str, Any], *more: str, alerts: Any = HIGH, config: bool = True) -> Result:
    content: dict[str, Any] = {
        "rules": str(ROOT / "config" / "severity-rules.yaml"),
        "tests": [{"name": "a case", "at": AT, "alerts": alerts, "expect": expect}],
    }
    if config:
        content["config"] = str(ROOT / "config" / "receiver.yaml")
    file = folder / "rules.test.yaml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    env = {"ALERTMANAGER_TOKEN": "a", "RESPONDER_TOKEN": "b", "ADMIN_TOKEN": "c"}
    return CliRunner().invoke(app, ["test-rules", str(file), *more], env=env)


@pytest.mark.parametrize(
    ("expect", "alerts"),
    [
        ({"severity": "SEV-2", "measured": {"error_rate": "7.3%"}, "reasons": ["error_rate 7.3% > 5%"]}, HIGH),
        ({"measured": {"error_rate": 0.073}, "next_worse": "errors-for-everyone"}, HIGH),
        ({"pages": [
            {"minute": 0, "contact": "on-call", "person": "alice"},
            {"minute": 15, "contact": "on-call", "person": "carol"},
            {"minute": 15, "contact": "engineering-lead"},
            {"minute": 30, "person": "vp-eng"},
        ], "notified": ["eng-lead"], "status_page": "approve"}, HIGH),
        ({"pages": [
            {"minute": 0, "person": "alice"}, {"minute": 0, "person": "eng-lead"}, {"minute": 5, "person": "carol"},
            {"minute": 5, "person": "eng-lead-2"}, {"minute": 15, "person": "vp-eng"}, {"minute": 30, "person": "cto"},
            {"minute": 60, "person": "ceo"},
        ], "status_page": "auto"}, EVERYBODY),
        ({"severity": "SEV-4", "pages": [], "status_page": None}, [{"labels": {"alertname": "X", "category": "ui"}}]),
        ({"severity": None, "pages": []}, [{"labels": {"alertname": "X"}, "status": "resolved"}]),
    ],
)  # fmt: skip
def test_what_comes_out_is_as_expected(tmp_path: Path, expect: dict[str, Any], alerts: Any) -> None:
    result = ran(tmp_path, expect, alerts=alerts)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"measured": {"error_rate": "7.4%"}}, "measured: error_rate: expected 7.4%, got 7.3%"),
        ({"measured": {"eror_rate": "7%"}}, "no measurement eror_rate; did you mean error_rate?"),
        ({"measured": {"error_rate": "lots"}}, "measured: error_rate:"),
        ({"pages": [{"minute": 0, "person": "bob"}]}, "pages: expected a page at minute 0 to bob, but there is none"),
        ({"pages": []}, "pages: not expected a page at minute 0 to alice for on-call"),
        ({"notified": []}, "notified: expected no one, got eng-lead"),
        ({"status_page": "auto"}, "status_page: expected auto, got approve"),
        ({"reasons": ["latency"]}, "reasons: expected 'latency'"),
        ({"rule": "high-eror-rate"}, "did you mean high-error-rate?"),
    ],
)
def test_each_difference_is_said(tmp_path: Path, expect: dict[str, Any], said: str) -> None:
    result = ran(tmp_path, expect)
    assert result.exit_code == 1
    assert said in result.output


def test_a_misspelt_expectation_is_named_with_its_place(tmp_path: Path) -> None:
    result = ran(tmp_path, {"severty": "SEV-2"})
    assert result.exit_code == 1
    assert "rules.test.yaml:" in result.output
    assert "severity" in result.output


def test_pages_need_a_configuration(tmp_path: Path) -> None:
    result = ran(tmp_path, {"pages": []}, config=False)
    assert result.exit_code == 1
    assert "need a configuration" in result.output
    file = str(ROOT / "config" / "receiver.yaml")
    assert "not expected" in ran(tmp_path, {"pages": []}, "--config", file, config=False).output


def test_junit_tells_of_each_case(tmp_path: Path) -> None:
    out = tmp_path / "out.xml"
    ran(tmp_path, {"severity": "SEV-1"}, "--junit", str(out))
    top = ElementTree.parse(out).getroot()
    assert (top.tag, top[0].get("tests"), top[0].get("failures")) == ("testsuites", "1", "1")
    assert "expected SEV-1, got SEV-2" in (top[0][0][0].text or "")


def test_rules_without_a_test_are_named(tmp_path: Path) -> None:
    result = ran(tmp_path, {"severity": "SEV-2"}, "--format", "json")
    told = json.loads(result.output)
    assert "outage" in told["files"][0]["untested"]
    assert "high-error-rate" not in told["files"][0]["untested"]
    assert ran(tmp_path, {"severity": "SEV-2"}, "--min-coverage", "90").exit_code == 1
    assert ran(tmp_path, {"severity": "SEV-2"}).exit_code == 0


def test_the_reference_passes() -> None:
    result = CliRunner().invoke(app, ["test-rules", str(ROOT / "config" / "severity-rules.test.yaml")])
    assert result.exit_code == 0, result.output
