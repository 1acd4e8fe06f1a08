"""The rules file: every mistake is reported at its path, and valid but unwise rules cause warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from receiver.triage.lint.rule_warnings import advice
from receiver.triage.rules.rule_set import RulesSettings

ROOT = Path(__file__).parents[3]


def _rule(**settings: Any) -> dict[str, Any]:
    return {"name": "r", "severity": "SEV-2", **settings}


def _mistakes(document: object) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        RulesSettings.model_validate(document)
    return [(item["loc"], item["msg"]) for item in caught.value.errors(include_url=False)]


ERROR_RATE: dict[str, Any] = {"error_rate": {"unit": "ratio", "from": ["annotations.error_rate"]}}


def test_the_package_carries_the_same_rules_as_the_configuration() -> None:
    shipped = (ROOT / "receiver" / "data" / "severity-rules.yaml").read_bytes()
    # The first line is for editors: it names the schema next to the original file.
    editors, _, rules = (ROOT / "config" / "severity-rules.yaml").read_bytes().partition(b"\n")
    assert editors.startswith(b"# yaml-language-server: ")
    assert shipped == rules


def test_the_reference_rules_are_wise() -> None:
    document = yaml.safe_load((ROOT / "config" / "severity-rules.yaml").read_text())
    assert advice(RulesSettings.model_validate(document)) == ()


def test_an_empty_file_is_valid() -> None:
    assert RulesSettings.model_validate({}).otherwise.fallback == "SEV-3"


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ({"rule": []}, ("rule",), "Extra inputs"),
        ({"rules": [_rule(matcher=[])]}, ("rules", 0, "matcher"), "Extra inputs"),
        ({"rules": [_rule(severity="SEV-5")]}, ("rules", 0, "severity"), "'SEV-1', 'SEV-2', 'SEV-3' or 'SEV-4'"),
        ({"rules": [{"name": "r"}]}, ("rules", 0), "exactly one"),
        ({"rules": [_rule(at_most="SEV-3")]}, ("rules", 0), "exactly one"),
        ({"rules": [_rule(name="otherwise")]}, ("rules", 0, "name"), "another name"),
        ({"rules": [_rule(name="a\nb")]}, ("rules", 0, "name"), "one line"),
        ({"rules": [_rule(), _rule()]}, ("rules", 1, "name"), "must differ"),
        ({"rules": [_rule(matchers=["x"])]}, ("rules", 0, "matchers", 0), 'name="value"'),
        ({"rules": [_rule(unless=['a="b"', 'x=~"("'])]}, ("rules", 0, "unless", 1), "RE2"),
        ({"rules": [_rule(when=["eror_rate > 5%"])]}, ("rules", 0, "when", 0), "did you mean error_rate?"),
        ({"rules": [_rule(when=["error_rate >> 5%"])]}, ("rules", 0, "when", 0), "> >= < <= == !="),
        ({"rules": [_rule(when=["error_rate"])]}, ("rules", 0, "when", 0), "NAME COMPARISON VALUE"),
        ({"rules": [_rule(when=["error_rate > 5"])]}, ("rules", 0, "when", 0), '"7.3%"'),
        ({"rules": [_rule(when=["error_rate > 5s"])]}, ("rules", 0, "when", 0), "unit ratio"),
        ({"rules": [_rule(when=["scope >= everybody"])]}, ("rules", 0, "when", 0), "all_users"),
        ({"rules": [_rule(when=["scope >= singel_tenant"])]}, ("rules", 0, "when", 0), "did you mean single_tenant?"),
        ({"rules": [_rule(when='error_rate > 5%')]}, ("rules", 0, "when"), "tuple"),
        ({"measurements": {"x": {"unit": "ms", "from": ["labels.x"]}}}, ("measurements", "x", "unit"), "'seconds'"),
        ({"measurements": {"x": {"unit": "ratio", "from": []}}}, ("measurements", "x", "from"), "at least one"),
        (
            {"measurements": {"x": {"unit": "ratio", "from": ["annotation.x"]}}},
            ("measurements", "x", "from", 0, "source"),
            "annotations.NAME",
        ),
        (
            {"measurements": {"x": {"unit": "ratio", "from": [{"source": "labels.x", "alerts": ["y"]}]}}},
            ("measurements", "x", "from", 0, "alerts", 0),
            "no operator",
        ),
        (
            {"measurements": {"scope": {"unit": "ratio", "from": ["labels.x"]}}},
            ("measurements", "scope", "[key]"),
            "its own section",
        ),
        ({"otherwise": {"map": {"critical": 1}}}, ("otherwise", "map", "critical"), "'SEV-1'"),
        ({"otherwise": {"map": {"Error": "SEV-1", "error": "SEV-2"}}}, ("otherwise",), "twice"),
        ([], (), "dictionary"),
    ],
)  # fmt: skip
def test_each_mistake_has_a_path_and_says_what_is_right(document: Any, path: tuple[str | int, ...], says: str) -> None:
    if isinstance(document, dict):
        document = {"measurements": ERROR_RATE, **document}
    mistakes = _mistakes(document)
    assert [item[0] for item in mistakes] == [path]
    assert says in mistakes[0][1]


def test_all_mistakes_come_at_once_in_different_parts() -> None:
    latency: dict[str, Any] = {"unit": "hours", "from": ["labels.latency"]}
    mistakes = _mistakes(
        {
            "measurements": ERROR_RATE | {"latency": latency},
            "rules": [_rule(when=["latency > 5 parsecs", "error_rate > lots"]), _rule(matchers=["("]), 7],
            "otherwise": {"fallback": "bad"},
        }
    )
    assert {path for path, _ in mistakes} == {
        ("measurements", "latency", "unit"),
        ("rules", 0, "when", 1),
        ("rules", 1, "name"),
        ("rules", 1, "matchers", 0),
        ("rules", 2),
        ("otherwise", "fallback"),
    }


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"measurements": ERROR_RATE}, ("measurements", "error_rate")),
        ({"rules": [_rule()]}, ("rules", 0)),
        ({"rules": [{"name": "c", "at_most": "SEV-1", "matchers": ["a=b"]}]}, ("rules", 0, "at_most")),
        ({"rules": [_rule(matchers=["a='b'"])]}, ("rules", 0, "matchers", 0)),
        ({"rules": [_rule(when=["scope == single_tenant"])]}, ("rules", 0, "when")),
        ({"rules": [{"name": "c", "at_most": "SEV-3", "when": ["scope >= many_users"]}]}, ("rules", 0, "when")),
        ({"rules": [_rule(severity="SEV-4", when=["scope >= many_users"])]}, ("rules", 0, "when")),
    ],
)
def test_unwise_is_valid_and_said(document: dict[str, Any], path: tuple[str | int, ...]) -> None:
    assert [item.path for item in advice(RulesSettings.model_validate(document))] == [path]


def test_wise_uses_of_scope_are_not_said() -> None:
    rules = [
        _rule(when=["scope >= many_users"]),
        {"name": "cap", "at_most": "SEV-3", "when": ["scope <= single_tenant"]},
        {"name": "public", "severity": "SEV-1", "when": ["scope == all_users"]},
    ]
    assert advice(RulesSettings.model_validate({"rules": rules})) == ()
