"""Alert rules from a Prometheus rules file."""

from __future__ import annotations

import pytest

from receiver.config.alertmanager_file.alert_rules import alert_rules
from receiver.config.config_errors import ConfigError

FILE = """groups:
  - name: api
    rules:
      - record: api:errors
        expr: sum(x)
      - alert: HighErrorRate
        expr: api:errors > 0.05
        labels: {severity: critical, tier: 1}
        annotations: {error_rate: '{{ $value }}'}
"""


def test_alerts_are_read_and_recordings_left_out() -> None:
    ((rule,), notes) = alert_rules(FILE, "rules.yml")
    assert notes == []
    assert (rule.name, rule.group, rule.line) == ("HighErrorRate", "api", 6)
    assert rule.labels == {"severity": "critical", "tier": "1"}
    assert rule.annotations == {"error_rate": "{{ $value }}"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("route: {}", "rules.yml:1:1: not a Prometheus rules file (write groups:, each with rules:;"),
        (
            "groups: [{name: a, rules: x}]",
            "rules.yml:1:10: groups[0]: the group has no rules (write rules: with a list)",
        ),
        ("groups: [{rules: [{expr: up}]}]", "neither an alert nor a recording rule (write alert: and a name)"),
        (
            "groups: [{rules: [{alert: A, labels: [x]}]}]",
            "labels must be a mapping of names to text (write name: text)",
        ),
        ("groups: [", "not YAML"),
    ],
)
def test_what_is_no_rules_file_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        alert_rules(text, "rules.yml")
    assert said in str(caught.value.problems[0])
    assert str(caught.value.problems[0]).startswith("rules.yml:1:")


def test_the_tools_of_mimir_and_loki_take_every_document() -> None:
    text = """\
namespace: a
groups: [{name: g, rules: [{alert: One, expr: up}]}]
---
namespace: b
groups: [{name: g, rules: [{alert: Two, expr: up}, {record: r, expr: up}]}]
"""
    rules, notes = alert_rules(text, "r.yml")
    assert ([rule.name for rule in rules], notes) == (["One", "Two"], [])
