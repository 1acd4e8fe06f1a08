"""Rules that can never match or never decide are found; there are no warnings about others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.model.alert.alert import Alert, AlertStatus
from receiver.triage.lint.rule_conflicts import compared, demands
from receiver.triage.rules.rule_set import RuleSet
from receiver.triage.rules.rules_file import RulesSettings

MEASUREMENTS = {
    "error_rate": {"unit": "ratio", "from": ["annotations.error_rate"]},
    "latency": {
        "unit": "seconds",
        "from": [{"source": "annotations.value", "alerts": ['alertname=~".*Latency.*"']}, "labels.latency"],
    },
}


def rule(name: str = "a", severity: str | None = "SEV-2", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"severity": severity} if severity else {}), **more}


def cap(name: str = "c", at_most: str = "SEV-3", **more: Any) -> dict[str, Any]:
    return {"name": name, "at_most": at_most, **more}


def said(*rules: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    settings = RulesSettings.model_validate({"measurements": MEASUREMENTS, "rules": list(rules)})
    return [(item.path[1:], item.text) for item in compared(settings)]


NEVER: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    (rule(when=["error_rate > 5%", "error_rate < 3%"]), (0, "when", 1), "error_rate > 5% and error_rate < 3% exclude"),
    (rule(when=["error_rate > 5%", "error_rate <= 5%"]), (0, "when", 1), "exclude each other"),
    (rule(when=["error_rate == 5%", "error_rate != 0.05"]), (0, "when", 1), "exclude each other"),
    (rule(when=["latency > 1s", "error_rate < 0%"]), (0, "when", 1), "no value satisfies error_rate < 0%"),
    (rule(when=["latency > +Inf"]), (0, "when", 0), "no value satisfies latency > +Inf"),
    (rule(when=["scope > all_users"]), (0, "when", 0), "no value satisfies scope > all_users"),
    (rule(when=["scope >= many_users", "scope == internal"]), (0, "when", 1), "exclude each other"),
    (
        rule(when=["scope != internal", "scope < many_users", "scope != single_tenant"]),
        (0, "when", 2),
        "scope != internal, scope < many_users, scope != single_tenant exclude each other",
    ),
    (rule(when=["latency > 1s"], matchers=['alertname="Slow"', 'latency=""']), (0, "when", 0), "no source of latency"),
    (rule(matchers=['a="x"', 'a="y"']), (0, "matchers", 1), 'a="x" and a="y"'),
    (rule(matchers=['a="x"', 'b="1"', 'a=~"y|z"']), (0, "matchers", 2), 'a="x" and a=~"y|z"'),
    (rule(matchers=['a=~"x|y"', 'a=~"y|z"', 'a!="y"']), (0, "matchers", 2), 'a=~"x|y" and a=~"y|z" and a!="y"'),
    (rule(matchers=['a=~"x.*"', 'a!~"x.*"']), (0, "matchers", 1), "never holds"),
    (rule(matchers=['a!~".*"']), (0, "matchers", 0), 'no alert can match a!~".*"'),
    (rule(matchers=['a!~".+"', 'a!=""']), (0, "matchers", 1), 'a!~".+" and a!=""'),
    (rule(matchers=['a="x"'], unless=['a=~"x.*"']), (0, "unless", 0), 'a="x" and unless a=~"x.*"'),
    (rule(matchers=['a=~"x.*"'], unless=['b="1"', 'a=~"x.*"']), (0, "unless", 1), "unless"),
    (rule(unless=['a=~".*"']), (0, "unless", 0), "never holds"),
]


@pytest.mark.parametrize(("made", "path", "text"), NEVER, ids=range(len(NEVER)))
def test_a_rule_that_can_never_hold(made: dict[str, Any], path: tuple[str | int, ...], text: str) -> None:
    ((found, words),) = said(made)
    assert found == path
    assert words.startswith("never holds: ")
    assert text in words


BEATEN: list[tuple[list[dict[str, Any]], tuple[str | int, ...], str]] = [
    (
        [rule("x", when=["error_rate > 5%"]), rule("y", "SEV-1", when=["error_rate > 1%"])],
        (0, "severity"),
        'never wins: "y" (SEV-1)',
    ),
    (
        [rule("x", matchers=['a="1"']), rule("y", "SEV-1", matchers=['a=~"[0-9]+"', 'b!="never there"'])],
        (),
        "",
    ),
    (
        [rule("x", matchers=['a="1"', 'b="2"']), rule("y", "SEV-1", matchers=['a=~"[0-9]+"'])],
        (0, "severity"),
        'never wins: "y"',
    ),
    (
        [rule("x", matchers=['a=~"1|2"']), rule("y", "SEV-1", unless=['a=~"[a-z]+"'], matchers=['a=~".+"'])],
        (0, "severity"),
        'never wins: "y"',
    ),
    (
        [rule("x", matchers=['a=~"x[0-9]"']), rule("y", "SEV-1", matchers=['a!="y"', 'a!=""'])],
        (0, "severity"),
        'never wins: "y"',
    ),
    ([rule("x", when=["scope >= many_users"]), rule("y", "SEV-1", when=["scope > internal"])], (0, "severity"), ""),
    ([rule("x", matchers=['a="1"']), rule("y", matchers=['a=~"1"'])], (1, "severity"), 'the same as "x"'),
    (
        [rule("r", "SEV-1"), cap("x", matchers=['a="1"', 'b="1"']), cap("y", "SEV-4", matchers=['a="1"'])],
        (1, "at_most"),
        'limits nothing: "y" (SEV-4)',
    ),
    (
        [rule("x", "SEV-1", matchers=['env="dev"']), cap("y", "SEV-4", matchers=['env=~"dev|staging"'])],
        (0, "severity"),
        'never SEV-1: the cap "y" (SEV-4)',
    ),
    # A cap at SEV-2 limits alerts with the severity sev1, so there is no warning.
    ([rule("x", "SEV-3", matchers=['a="1"']), cap("y", "SEV-2", when=["scope == internal"])], (), ""),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "path", "text"), BEATEN, ids=range(len(BEATEN)))
def test_a_rule_that_never_decides(rules: list[dict[str, Any]], path: tuple[str | int, ...], text: str) -> None:
    found = said(*rules)
    if not path:
        assert found == []
        return
    assert [place for place, _ in found] == [path]
    assert text in found[0][1]


@pytest.mark.parametrize(
    "rules",
    [
        [rule(when=["error_rate > 5%", "error_rate <= 150%"])],
        [rule(when=["latency >= +Inf"])],
        [rule(when=["latency > 1s"], matchers=['alertname="Slow"'])],
        [rule(when=["latency > 1s"], matchers=['alertname="HighLatency"', 'latency=""'])],
        [rule(matchers=['a=~"x.*"', 'a=~".*y"'])],
        [rule(matchers=['a="x"'], unless=['a=~"y.*"'])],
        # The same severity and weaker conditions: the stricter rule is named.
        [rule("x", when=["error_rate > 5%"]), rule("y", when=["error_rate > 1%"])],
        # An unknown value matches nothing: without a condition on the same quantity, nothing follows.
        [rule("x", matchers=['a="1"']), rule("y", "SEV-1", when=["error_rate >= 0%"])],
        [rule("x", when=["error_rate >= 5%"]), rule("y", "SEV-1", when=["error_rate > 5%"])],
        [rule("x", matchers=['a="1"']), rule("y", "SEV-1", matchers=['a="1"', 'b="2"'])],
        [rule("x", matchers=['a=~"x.*"']), rule("y", "SEV-1", matchers=['a=~"xy.*"'])],
        [rule("x", "SEV-1"), cap("y", "SEV-3", matchers=['a="1"'])],
    ],
)
def test_nothing_is_said_of_a_rule_that_can(rules: list[dict[str, Any]]) -> None:
    assert said(*rules) == []


VALUES = st.sampled_from(["", "x", "y", "xy"])
MATCHERS = st.builds(
    lambda name, operator, value: f'{name}{operator}"{value}"',
    st.sampled_from("ab"),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["", "x", "y", "x|y", "x.*", ".+", ".*", "[a-x]+"]),
)
RULES = st.builds(
    lambda severity, matchers, unless, when: {
        "severity": severity, "matchers": matchers, "unless": unless, "when": when,
    },
    st.sampled_from(["SEV-1", "SEV-2"]),
    st.lists(MATCHERS, max_size=3),
    st.lists(MATCHERS, max_size=2),
    st.lists(st.sampled_from([f"error_rate {text}" for text in ("> 5%", "<= 5%", "< 3%", "!= 1%")]), max_size=2),
)  # fmt: skip
ALERTS = [
    Alert(status=AlertStatus.FIRING, labels={"a": a, "b": b}, annotations={"error_rate": rate} if rate else {})
    for a in ("", "x", "y", "xy", "z") for b in ("", "x", "y", "xy", "z") for rate in ("", "1%", "2%", "5%", "9%")
]  # fmt: skip


@given(RULES, RULES)
@settings(deadline=None)
def test_what_is_said_is_true_of_every_alert(first: dict[str, Any], second: dict[str, Any]) -> None:
    document = {"measurements": MEASUREMENTS, "rules": [{"name": "first", **first}, {"name": "second", **second}]}
    read = RulesSettings.model_validate(document)
    alone = [
        RuleSet(RulesSettings.model_validate({**document, "rules": [item]})).decide(ALERTS)
        for item in document["rules"]
    ]
    for path, text in [(item.path, item.text) for item in compared(read)]:
        winners = {decision.rule for decision in alone[int(path[1])]}
        if text.startswith("never holds"):
            assert winners == {"otherwise"}, text
        elif text.startswith("never wins"):
            assert demands(read)[int(path[1])].settings.name not in {
                decision.rule for decision in RuleSet(read).decide(ALERTS)
            }, text
