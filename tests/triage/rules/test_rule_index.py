"""The index of rules returns the same decision as trying every rule, and tries only rules that may match."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.model.alert.alert import Alert
from receiver.triage.measurements.units import Unit
from receiver.triage.rules.compiled_rule import Facts, Rule
from receiver.triage.rules.rule_index import Near, RuleIndex
from receiver.triage.rules.rules_file import RuleSettings
from tests.triage.strategies import ALERTS, named, rules

UNITS = {"error_rate": Unit.RATIO, "latency": Unit.SECONDS, "slowdown": Unit.FACTOR}
ORDER = ("all_users", "many_users", "single_tenant", "internal")
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "error_rate": st.sampled_from([0.05, 0.051, 0.6]),
        "latency": st.sampled_from([5.0, 61.0]),
        "slowdown": st.sampled_from([1.9, 2.0]),
        "scope": st.sampled_from([1.0, 2.0, 3.0, 4.0]),
    },
)


def compiled(items: list[dict[str, Any]]) -> list[Rule]:
    return [Rule(RuleSettings.model_validate(item), UNITS, ORDER) for item in items]


def facts(labels: dict[str, str], **values: float) -> Facts:
    return Facts(labels, values, None)


@given(st.lists(rules(), max_size=25), ALERTS, VALUES)
@settings(deadline=None, max_examples=300)
def test_the_index_says_what_trying_every_rule_says(
    items: list[dict[str, Any]], alert: Alert, values: dict[str, float]
) -> None:
    made = compiled(named(items))
    index, given_facts = RuleIndex(made), Facts(alert.labels, values, None)
    ordered = sorted(made, key=lambda rule: rule.order)
    winner = next((rule for rule in ordered if rule.holds(given_facts)), None)
    before = ordered[: ordered.index(winner)] if winner else ordered
    near = [
        Near(rule, rule.missing(values))
        for rule in before
        if rule.concerns(alert.labels) and {one.name for one in rule.missing(values)} <= {*values, "scope"}
    ]
    assert index.judge(given_facts) == (winner, near)
    assert index.holding(given_facts) == [rule for rule in ordered if rule.holds(given_facts)]


def test_an_alert_meets_only_the_rules_that_ask_for_what_it_is() -> None:
    kinds: list[dict[str, Any]] = [
        {"matchers": ['alertname="Name{0}"']},
        {"matchers": ['alertname=~"Word{0}|Term{0}"']},
        {"matchers": ['service="s{0}"'], "when": ["error_rate > 5%"]},
        {"matchers": ['severity="critical"', 'alertname=~".*Broker{0}Lag"']},
        {"matchers": ['tenant=~"trial-{0}-.*"', 'environment!="dev"']},
    ]
    items = [
        {**kind, "severity": "SEV-2", "matchers": [text.format(number) for text in kind["matchers"]]}
        for number in range(100)
        for kind in kinds
    ]
    always = {"severity": "SEV-3", "matchers": ['environment!="dev"']}
    measured = {"severity": "SEV-3", "when": ["latency > 5s", "scope >= many_users"]}
    index = RuleIndex(compiled(named([*items, always, measured])))

    def met(labels: dict[str, str], **values: float) -> list[str]:
        return sorted(rule.name for rule in index.candidates(facts(labels, **values)))

    assert met({"alertname": "Other", "severity": "critical"}) == ["rule-500"]
    assert met({"alertname": "Name7"}) == ["rule-35", "rule-500"]
    assert met({"alertname": "Term7"}) == ["rule-36", "rule-500"]
    assert met({"service": "s7"}, error_rate=0.5) == ["rule-37", "rule-500"]
    assert met({"alertname": "KafkaBroker7Lag", "severity": "critical"}) == ["rule-38", "rule-500"]
    assert met({"tenant": "trial-7-a"}) == ["rule-39", "rule-500"]
    assert met({}, latency=1.0) == ["rule-500", "rule-501"]


def test_a_label_that_is_absent_or_empty_is_never_what_a_rule_is_found_by() -> None:
    items = [
        {"severity": "SEV-1", "matchers": ['tenant=""']},
        {"severity": "SEV-2", "matchers": ['tenant=~"acme|"']},
        {"severity": "SEV-3", "matchers": ['tenant=~"(acme)?"']},
    ]
    index = RuleIndex(compiled(named(items)))
    for labels in ({}, {"tenant": ""}):
        assert [rule.name for rule in index.holding(facts(labels))] == ["rule-0", "rule-1", "rule-2"]
    assert [rule.name for rule in index.holding(facts({"tenant": "acme"}))] == ["rule-1", "rule-2"]
