"""Rule tests of users: they pass, fail with each difference, and report mistakes in their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from receiver.triage.rules.rule_set import RuleSet, RulesSettings
from receiver.triage.rules.rule_tests import CaseResult, run

CONFIG = Path(__file__).parents[3] / "config"
RULES = RuleSet(RulesSettings.model_validate(yaml.safe_load((CONFIG / "severity-rules.yaml").read_text())))
REFERENCE = yaml.safe_load((CONFIG / "severity-rules.test.yaml").read_text())
DOWN = {"labels": {"alertname": "ApiDown"}}


def _one(expect: object, *alerts: dict[str, Any]) -> CaseResult:
    case = {"name": "case", "alerts": list(alerts) or [DOWN], "expect": expect}
    (result,) = run({"rules": "r.yaml", "tests": [case]}, RULES)
    return result


@pytest.mark.parametrize("case", REFERENCE["tests"], ids=lambda case: case["name"])
def test_the_reference(case: dict[str, Any]) -> None:
    (result,) = run({"rules": REFERENCE["rules"], "tests": [case]}, RULES)
    assert result.report == f"ok    {case['name']}"


@pytest.mark.parametrize("case", REFERENCE["tests"], ids=lambda case: case["name"])
def test_each_reference_case_can_fail(case: dict[str, Any]) -> None:
    wrong = "SEV-4" if case["expect"]["severity"] != "SEV-4" else "SEV-1"
    result = _one({**case["expect"], "severity": wrong}, *case["alerts"])
    assert result.differences == (f"severity: expected {wrong}, got {case['expect']['severity']}",)


def test_a_failure_shows_each_difference_and_why() -> None:
    result = _one({"severity": "SEV-2", "rule": "outrage", "capped_by": "single-tenant", "scope": "all_users"})
    assert not result.passed
    assert result.report.splitlines()[0] == "FAIL  case"
    assert "severity: expected SEV-2, got SEV-1" in result.report
    assert "rule: expected outrage, got outage (there is no rule outrage; did you mean outage?" in result.report
    assert "capped_by: expected single-tenant, got none" in result.report
    assert "scope: expected all_users, got none" in result.report
    assert 'because: alertname="ApiDown"' in result.report


def test_null_means_none_and_what_is_not_given_is_not_compared() -> None:
    capped = {"labels": {"alertname": "AuthDown", "tenant": "acme"}}
    assert _one({"severity": "SEV-3"}, capped).passed
    assert _one({"capped_by": None}, capped).differences == ("capped_by: expected none, got single-tenant",)
    assert _one({"capped_by": None, "scope": None}).passed


def test_only_what_fires_is_decided_on() -> None:
    resolved = {**DOWN, "status": "resolved"}
    assert _one({"severity": "SEV-3"}, resolved, {"labels": {"alertname": "X"}}).passed
    assert _one({"severity": None}, resolved).passed
    assert _one({"severity": "SEV-1"}, resolved).differences == ("severity: expected SEV-1, got none",)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"rules": "r", "tests": []}, ("tests",)),
        ({"tests": [{"name": "x", "alerts": [DOWN], "expect": {"rule": "r"}}]}, ("rules",)),
        ({"rules": "r", "tests": [{"name": "x", "alerts": [], "expect": {"rule": "r"}}]}, ("tests", 0, "alerts")),
        ({"rules": "r", "tests": [{"name": "x", "alerts": [DOWN], "expect": {}}]}, ("tests", 0, "expect")),
        (
            {"rules": "r", "tests": [{"name": "x", "alerts": [DOWN], "expect": {"sev": 1}}]},
            ("tests", 0, "expect", "sev"),
        ),
        (
            {"rules": "r", "tests": [{"name": "x", "alerts": [{"labels": {"a": 5}}], "expect": {"rule": "r"}}]},
            ("tests", 0, "alerts", 0, "labels", "a"),
        ),
    ],
)
def test_a_wrong_file_says_where(document: dict[str, Any], path: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        run(document, RULES)
    assert [item["loc"] for item in caught.value.errors()] == [path]
