from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.model.alert import Alert, AlertStatus
from receiver.model.severity import Decision, Severity
from receiver.triage.rules import RuleSet, RulesSettings, verdict

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "config" / "severity-rules.yaml").read_text())
REFERENCE = RuleSet(RulesSettings.model_validate(DOCUMENT))


def alert(_annotations: dict[str, str] | None = None, **labels: str) -> Alert:
    return Alert(status=AlertStatus.FIRING, labels=labels, annotations=_annotations or {})


def ruleset(*rules: dict[str, Any], **more: Any) -> RuleSet:
    return RuleSet(RulesSettings.model_validate({**DOCUMENT, "rules": list(rules), **more}))


def decide(rules: RuleSet, *alerts: Alert) -> Decision:
    (decision, *_) = rules.decide(alerts)
    return decision


@pytest.mark.parametrize(
    ("annotations", "labels", "severity", "rule"),
    [
        ({"error_rate": "4.99%"}, {}, "SEV-3", "otherwise"),
        ({"error_rate": "5%"}, {}, "SEV-3", "otherwise"),
        ({"error_rate": "0.05"}, {}, "SEV-3", "otherwise"),
        ({"error_rate": "5.0000001%"}, {}, "SEV-2", "high-error-rate"),
        ({"error_rate": "50%"}, {"scope": "all_users"}, "SEV-2", "high-error-rate"),
        ({"error_rate": "50.1%"}, {"scope": "all_users"}, "SEV-1", "errors-for-everyone"),
        ({"error_rate": "50.1%"}, {"scope": "many_users"}, "SEV-2", "high-error-rate"),
        ({"latency": "4999ms"}, {}, "SEV-3", "otherwise"),
        ({"latency": "5s"}, {}, "SEV-3", "otherwise"),
        ({"latency": "5001ms"}, {}, "SEV-2", "high-latency"),
        ({"latency": "+Inf"}, {}, "SEV-2", "high-latency"),
        ({"slowdown": "1.99x"}, {}, "SEV-3", "degraded"),
        ({"slowdown": "2x"}, {}, "SEV-2", "slowed-down"),
        ({"slowdown": "2.01"}, {}, "SEV-2", "slowed-down"),
        ({}, {"severity": "CRITICAL"}, "SEV-2", "otherwise"),
        ({}, {"severity": " info "}, "SEV-4", "otherwise"),
        ({}, {"severity": "sev9"}, "SEV-3", "otherwise"),
        ({}, {"category": "ui", "severity": "critical"}, "SEV-4", "cosmetic"),
        ({}, {"alertname": "AuthFailures"}, "SEV-2", "authentication"),
        ({}, {"alertname": "NoAuthFailures"}, "SEV-3", "otherwise"),
        ({}, {"alertname": "ApiDown"}, "SEV-1", "outage"),
    ],
)
def test_the_reference_at_under_and_over_its_thresholds(
    annotations: dict[str, str], labels: dict[str, str], severity: str, rule: str
) -> None:
    decision = decide(REFERENCE, alert(annotations, **{"alertname": "Something", **labels}))
    assert (decision.severity, decision.rule, decision.capped_by) == (severity, rule, None)


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_comparisons(comparison: str, below: bool, at: bool, above: bool) -> None:
    by_value = ruleset({"name": "r", "severity": "SEV-1", "when": [f"error_rate {comparison} 7.3%"]})
    by_scope = ruleset({"name": "r", "severity": "SEV-1", "when": [f"scope{comparison}many_users"]})
    values = [alert({"error_rate": text}) for text in ("7.2%", "0.073", "7.4%")]
    scopes = [alert(scope=word) for word in ("single_tenant", "many_users", "all_users")]
    assert [item.rule == "r" for item in by_value.decide(values)] == [below, at, above]
    assert [item.rule == "r" for item in by_scope.decide(scopes)] == [below, at, above]
    assert [item.rule for item in by_value.decide([alert()])] == ["otherwise"], "unknown holds for no comparison"
    assert [item.rule for item in by_scope.decide([alert()])] == ["otherwise"]


def test_reasons_carry_measured_values() -> None:
    decision = decide(REFERENCE, alert({"error_rate": "61%"}, tenant="acme", alertname="HighErrorRate"))
    assert decision.reasons == ("error_rate 61% > 5%", "at most SEV-3: scope is single_tenant")
    assert (decision.scope, decision.capped_by, decision.measured) == (
        "single_tenant",
        "single-tenant",
        {"error_rate": 0.61},
    )
    assert decision.next_worse == "high-error-rate (SEV-2) if the cap single-tenant did not hold"
    assert decision.rules_hash == REFERENCE.hash

    assert decide(REFERENCE, alert(alertname="IntegrationDown")).reasons == ('alertname="IntegrationDown"',)
    assert decide(REFERENCE, alert({"error_rate": "5.00001%"})).reasons == ("error_rate 5.00001% > 5%",)
    outage = decide(REFERENCE, alert(alertname="ApiDown", environment="production"))
    assert outage.reasons == ('alertname="ApiDown"', 'environment!~"staging|dev"')


def test_a_cap_that_lowers_nothing_is_not_named() -> None:
    decision = decide(REFERENCE, alert(alertname="X", tenant="acme", severity="info"))
    assert (decision.severity, decision.capped_by) == (Severity.SEV4, None)
    assert not any("at most" in reason for reason in decision.reasons)


def test_otherwise_is_capped_too() -> None:
    decision = decide(REFERENCE, alert(alertname="X", tenant="acme", severity="critical"))
    assert (decision.severity, decision.rule, decision.capped_by) == (Severity.SEV3, "otherwise", "single-tenant")


def test_the_strictest_cap_counts() -> None:
    decision = decide(REFERENCE, alert(alertname="Auth", tenant="acme", environment="dev"))
    assert (decision.severity, decision.rule, decision.capped_by) == (Severity.SEV4, "authentication", "not-production")


@pytest.mark.parametrize(
    ("annotations", "labels", "words"),
    [
        ({"error_rate": "61%"}, {}, "errors-for-everyone (SEV-1) if scope >= all_users"),
        ({"error_rate": "7%"}, {"scope": "all_users"}, "errors-for-everyone (SEV-1) if error_rate > 50%"),
        ({"error_rate": "7%"}, {}, None),
        ({}, {"scope": "all_users"}, None),
        ({"latency": "3s"}, {}, "high-latency (SEV-2) if latency > 5s"),
        ({"slowdown": "1.2x"}, {}, "slowed-down (SEV-2) if slowdown >= 2x"),
        ({"latency": "3s"}, {"tenant": "acme"}, None),
        ({"error_rate": "61%"}, {"scope": "all_users"}, None),
    ],
)
def test_what_would_be_worse(annotations: dict[str, str], labels: dict[str, str], words: str | None) -> None:
    assert decide(REFERENCE, alert(annotations, alertname="X", **labels)).next_worse == words


def test_unknowns_are_said_and_counted() -> None:
    odd = alert({"error_rate": "NaN", "latency": "1,5s"}, scope="galaxy", severity="purple")
    (decided,) = REFERENCE.examine([odd])
    assert sorted({item.kind for item in decided.unknowns}) == ["measurement", "scope", "severity"]
    assert len(decided.unknowns) == 4
    for unknown in decided.unknowns:
        assert unknown.text in decided.decision.reasons


def test_foreign_text_is_never_long_nor_on_several_lines() -> None:
    evil = "\x1b[31m\nx{0.__class__}%s{{7*7}}" + "y" * 4000
    names = ("error_rate", "latency", "slowdown", "value", "scope")
    foreign = Alert(
        status=AlertStatus.FIRING,
        labels={"alertname": "AuthErrorRate" + evil, "category": evil, "severity": evil, "tenant": evil},
        annotations=dict.fromkeys(names, evil),
    )
    for reason in decide(REFERENCE, foreign).reasons:
        assert reason.isprintable()
        assert reason.count("y") <= 200


def test_values_read_are_the_annotations_that_decide() -> None:
    def read(annotations: dict[str, str], alertname: str = "HighErrorRate") -> tuple[str, ...]:
        return REFERENCE.values_read(alert(annotations, alertname=alertname))

    assert read({"error_rate": "6%", "summary": "a"}) == read({"error_rate": "6%", "summary": "b"})
    assert read({"summary": "a"}) == read({})
    assert read({"error_rate": "6%"}) != read({"error_rate": "7%"})
    assert read({"value": "6%"}) != read({"value": "7%"})
    assert read({"value": "6"}, "X") == read({"value": "7"}, "X"), "a shared field that does not count here"
    assert read({"scope": "internal"}) != read({})
    assert len({len(read({})), len(read({"scope": "internal"}))}) == 1


def test_the_verdict_shows_the_greatest_of_equals() -> None:
    decisions = REFERENCE.decide([alert({"error_rate": text}) for text in ("6%", "45%", "7%")])
    chosen = verdict(decisions)
    assert chosen is not None
    assert chosen.reasons == ("error_rate 45% > 5%",)


def test_the_hash_knows_content_and_not_order() -> None:
    turned = RuleSet(RulesSettings.model_validate({**DOCUMENT, "rules": DOCUMENT["rules"][::-1]}))
    assert turned.hash == REFERENCE.hash
    assert len(REFERENCE.hash) == 16
    assert ruleset(*DOCUMENT["rules"][1:]).hash != REFERENCE.hash
    assert ruleset(*DOCUMENT["rules"], otherwise={"fallback": "SEV-2"}).hash != REFERENCE.hash


def test_an_indexed_rule_is_found_and_costs_its_neighbours_nothing() -> None:
    many = [
        {"name": f"rule-{n}", "severity": "SEV-2", "matchers": [f'alertname="A{n}"', f'team=~"t{n}|all"']}
        for n in range(2000)
    ]
    by_team = {"name": "team", "severity": "SEV-1", "matchers": ['team="special"']}
    rules = ruleset(*many, by_team, {"name": "other", "severity": "SEV-4", "matchers": ['x=~"y"']})
    assert decide(rules, alert(alertname="A1234", team="all")).rule == "rule-1234"
    assert decide(rules, alert(alertname="A1234", team="t1")).rule == "otherwise"
    assert decide(rules, alert(alertname="A7", team="special")).rule == "team"
    assert decide(rules, alert(alertname="A7", x="y")).rule == "other"


def test_the_verdict_is_the_worst_alerts() -> None:
    decisions = REFERENCE.decide([alert(category="ui"), alert(alertname="ApiDown"), alert(alertname="X")])
    chosen = verdict(decisions)
    assert chosen is not None
    assert (chosen.severity, chosen.rule) == (Severity.SEV1, "outage")
    assert verdict([]) is None
    assert verdict(decisions[::-1]) == chosen


LABELS = {
    "alertname": [
        "ApiDown",
        "HighErrorRate",
        "HighLatency",
        "AuthFailures",
        "IntegrationDown",
        "TenantBreach",
        "Other",
    ],
    "category": ["security", "ui", "internal"],
    "environment": ["production", "staging", "dev"],
    "severity": ["critical", "Warning", "info", "odd"],
    "scope": ["all_users", "many_users", "single_tenant", "galaxy"],
    "tenant": ["acme", "globex", "initech", "all"],
}
ANNOTATIONS = {
    "error_rate": ["5%", "5.1%", "61%", "NaN"],
    "latency": ["5s", "5100ms", "+Inf", "x"],
    "slowdown": ["1.5x", "2x"],
    "value": ["0.5", "0.61", "7s"],
}


def _some(choices: dict[str, list[str]]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in choices.items()})


ALERTS = st.builds(
    lambda labels, annotations: Alert(status=AlertStatus.FIRING, labels=labels, annotations=annotations),
    _some(LABELS),
    _some(ANNOTATIONS),
)
CONDITIONS = st.sampled_from(
    ["error_rate > 5%", "latency > 5s", "slowdown >= 2x", "scope >= many_users", "error_rate <= 50%"]
)
MATCHERS = st.sampled_from(
    ['alertname="ApiDown"', 'alertname=~"High.*"', 'environment!~"dev"', 'category="ui"', 'tenant=""']
)
RULE = st.fixed_dictionaries(
    {
        "severity": st.sampled_from(["SEV-1", "SEV-2", "SEV-3", "SEV-4"]),
        "when": st.lists(CONDITIONS, max_size=2),
        "matchers": st.lists(MATCHERS, max_size=2),
        "unless": st.lists(MATCHERS, max_size=1),
    }
)


def _named(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": f"rule-{place}", **rule} for place, rule in enumerate(rules)]


@given(st.lists(ALERTS, min_size=1, max_size=5), ALERTS)
@settings(deadline=None)
def test_one_more_alert_never_lowers_a_severity(alerts: list[Alert], more: Alert) -> None:
    before, after = REFERENCE.decide(alerts), REFERENCE.decide([*alerts, more])
    for was, now in zip(before, after, strict=False):
        assert not was.severity.worse_than(now.severity)


@given(st.lists(RULE, max_size=5), RULE, st.lists(ALERTS, min_size=1, max_size=3))
@settings(deadline=None)
def test_one_more_rule_never_lowers_what_a_rule_decided(
    rules: list[dict[str, Any]], more: dict[str, Any], alerts: list[Alert]
) -> None:
    before = ruleset(*_named(rules)).decide(alerts)
    after = ruleset(*_named([*rules, more])).decide(alerts)
    for was, now in zip(before, after, strict=True):
        # A rule takes the place of `otherwise`, as the head of the reference says.
        assert was.rule == "otherwise" or not was.severity.worse_than(now.severity)


@given(st.lists(RULE, max_size=6), st.lists(ALERTS, min_size=1, max_size=5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_never_matters(rules: list[dict[str, Any]], alerts: list[Alert], random: Any) -> None:
    named = _named(rules) + [rule for rule in DOCUMENT["rules"] if "at_most" in rule]
    shuffled, places = list(named), list(range(len(alerts)))
    random.shuffle(shuffled)
    random.shuffle(places)
    one, two = ruleset(*named), ruleset(*shuffled)
    straight, turned = one.decide(alerts), two.decide([alerts[place] for place in places])
    assert [straight[place] for place in places] == turned
    assert verdict(straight) == verdict(turned)


@given(st.lists(ALERTS, min_size=1, max_size=6))
@settings(deadline=None)
def test_alerts_that_look_alike_are_decided_as_if_each_were_alone_in_memory(alerts: list[Alert]) -> None:
    tenants = [item for item in alerts if item.labels.get("tenant")]
    together = REFERENCE.decide(alerts)
    for item, decision in zip(alerts, together, strict=True):
        assert REFERENCE.decide([item, *tenants])[0] == decision
