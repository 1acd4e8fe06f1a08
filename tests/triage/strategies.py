"""Strategies for alerts and rules, for properties that hold for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from receiver.model.alert.alert import Alert, AlertStatus
from receiver.model.severity import Decision
from receiver.triage.rules.rule_set import RuleSet, RulesSettings

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "config" / "severity-rules.yaml").read_text())
REFERENCE = RuleSet(RulesSettings.model_validate(DOCUMENT))
CAPS = [rule for rule in DOCUMENT["rules"] if "at_most" in rule]


def alert(_annotations: dict[str, str] | None = None, **labels: str) -> Alert:
    return Alert(status=AlertStatus.FIRING, labels=labels, annotations=_annotations or {})


def ruleset(*rules: dict[str, Any], **more: Any) -> RuleSet:
    return RuleSet(RulesSettings.model_validate({**DOCUMENT, "rules": list(rules), **more}))


def decide(rules: RuleSet, *alerts: Alert) -> Decision:
    """Return the decision on the first of `alerts`."""
    (decision, *_) = rules.decide(alerts)
    return decision


def named(rules: list[dict[str, Any]], prefix: str = "rule") -> list[dict[str, Any]]:
    return [{"name": f"{prefix}-{place}", **rule} for place, rule in enumerate(rules)]


LABELS = {
    "alertname": ["ApiDown", "HighErrorRate", "HighLatency", "AuthFailures", "IntegrationDown", "TenantBreach", "ui",
                  "DatabaseCorruption", "a.b", "a|b", "High\nRate", "", "Ü"],
    "category": ["security", "ui", "internal", "monitoring"],
    "environment": ["production", "staging", "dev"],
    "severity": ["critical", "Warning", "info", "odd"],
    "scope": ["all_users", "many_users", "single_tenant", "galaxy"],
    "tenant": ["acme", "globex", "initech", "all", ""],
}  # fmt: skip
ANNOTATIONS = {
    "error_rate": ["5%", "0.05", "5.1%", "0.0500000001", "61%", "50 percent", "NaN", "4.9999999%", "7,3"],
    "latency": ["5s", "5000ms", "5100ms", "+Inf", "x", "0m5s", "1e3"],
    "slowdown": ["1.5x", "2x", "2.0", "1.99999999"],
    "value": ["0.5", "0.61", "7s"],
    "scope": ["all_users", "internal"],
}


def _some(choices: dict[str, list[str]]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in choices.items()})


ALERTS = st.builds(
    lambda labels, annotations: Alert(status=AlertStatus.FIRING, labels=labels, annotations=annotations),
    _some(LABELS),
    _some(ANNOTATIONS),
)
CONDITIONS = st.sampled_from(
    [
        "error_rate > 5%", "error_rate > 50%", "error_rate <= 50%", "error_rate == 0.05", "error_rate != 5.1%",
        "latency > 5s", "latency < 1m", "slowdown >= 2x", "slowdown < 2x", "scope >= many_users", "scope > many_users",
        "scope == single_tenant", "scope != all_users", "scope >= all_users",
    ]
)  # fmt: skip
WIDENING = st.sampled_from(
    ["error_rate > 5%", "error_rate <= 50%", "latency > 5s", "slowdown >= 2x", "scope >= many_users"]
)
MATCHERS = st.sampled_from(
    [
        'alertname="ApiDown"', 'alertname=~"ApiDown|HighLatency"', 'alertname=~"High.*"', 'alertname=~".*(Rate|Down)"',
        'alertname=~".*"', 'alertname=~".+"', 'alertname=~""', 'alertname!~"High.*"', r'alertname=~"a\.b|a\|b"',
        'alertname=~"a.b"', 'alertname=~"(?i)APIDOWN"', 'alertname=~"^(ApiDown|Ü)$"', 'alertname=~"^ui|Auth.*$"',
        'environment!~"dev"', 'environment!="production"', 'category="ui"', 'category=~"ui|monitoring"',
        'tenant=""', 'tenant=~"acme|"', 'tenant!=""', 'severity=~"[cC]ritical"', 'missing=~"x*"', 'missing="x"',
    ]
)  # fmt: skip
SEVERITIES = st.sampled_from(["SEV-1", "SEV-2", "SEV-3", "SEV-4"])


def rules(level: str = "severity", conditions: st.SearchStrategy[str] = CONDITIONS) -> st.SearchStrategy[Any]:
    """Return a strategy of rules without names; `level` is `severity` or `at_most`."""
    return st.fixed_dictionaries(
        {
            level: SEVERITIES,
            "when": st.lists(conditions, max_size=2),
            "matchers": st.lists(MATCHERS, max_size=2),
            "unless": st.lists(MATCHERS, max_size=1),
        }
    )
