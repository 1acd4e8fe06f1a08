"""Decisions of a rule set: comparisons, caps, reasons, and unknown values."""

from __future__ import annotations

import pytest

from receiver.model.alert.alert import Alert, AlertStatus
from receiver.model.severity import Severity
from receiver.triage.rules.rule_set import RuleSet, RulesSettings, verdict
from tests.triage.strategies import DOCUMENT, REFERENCE, alert, decide, ruleset


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
    assert [item.rule for item in by_value.decide([alert()])] == ["otherwise"], "an unknown value matches no comparison"
    assert [item.rule for item in by_scope.decide([alert()])] == ["otherwise"]


def test_reasons_carry_measured_values() -> None:
    decision = decide(REFERENCE, alert({"error_rate": "61%"}, tenant="acme", alertname="HighErrorRate"))
    assert decision.reasons == ("error_rate 61% > 5%", "at most SEV-3: scope is single_tenant")
    assert (decision.scope, decision.capped_by, decision.measured) == (
        "single_tenant",
        "single-tenant",
        {"error_rate": 0.61},
    )
    assert decision.next_worse == "high-error-rate (SEV-2) if the cap single-tenant did not apply"
    assert decision.rules_hash == REFERENCE.hash

    assert decide(REFERENCE, alert(alertname="IntegrationDown")).reasons == ('alertname="IntegrationDown"',)
    assert decide(REFERENCE, alert({"error_rate": "5.00001%"})).reasons == ("error_rate 5.00001% > 5%",)
    just_over = decide(REFERENCE, alert({"error_rate": "0.05000000000000001"}))
    assert just_over.reasons == ("error_rate 5.000000000000001% > 5%",)
    outage = decide(REFERENCE, alert(alertname="ApiDown", environment="production"))
    assert outage.reasons == ('alertname="ApiDown"', 'severity!~"(?i)info|none"')


def test_a_cap_that_lowers_nothing_is_not_named() -> None:
    decision = decide(REFERENCE, alert(alertname="X", tenant="acme", severity="info"))
    assert (decision.severity, decision.capped_by) == (Severity.SEV4, None)
    assert not any("at most" in reason for reason in decision.reasons)


def test_otherwise_is_capped_too() -> None:
    decision = decide(REFERENCE, alert(alertname="X", tenant="acme", severity="critical"))
    assert (decision.severity, decision.rule, decision.capped_by) == (Severity.SEV3, "otherwise", "single-tenant")


def test_counting_the_tenants_of_a_truncated_notification_caps_nothing() -> None:
    one = alert(alertname="Auth", tenant="acme")
    (whole,), (cut,) = REFERENCE.decide([one]), REFERENCE.decide([one], partial=True)
    assert (whole.severity, whole.capped_by) == (Severity.SEV3, "single-tenant")
    assert (cut.severity, cut.capped_by, cut.scope) == (Severity.SEV2, None, "single_tenant")


def test_what_an_alert_says_of_itself_caps_it_in_a_truncated_notification_too() -> None:
    alerts = [alert(alertname="Auth", scope="single_tenant"), alert(alertname="Auth", environment="dev")]
    decisions = REFERENCE.decide(alerts, partial=True)
    assert [one.capped_by for one in decisions] == ["single-tenant", "not-production"]


def test_the_strictest_cap_counts() -> None:
    decision = decide(REFERENCE, alert(alertname="Auth", tenant="acme", environment="dev"))
    assert (decision.severity, decision.rule, decision.capped_by) == (Severity.SEV4, "authentication", "not-production")


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


def test_the_verdict_is_the_worst_alerts() -> None:
    decisions = REFERENCE.decide([alert(category="ui"), alert(alertname="ApiDown"), alert(alertname="X")])
    chosen = verdict(decisions)
    assert chosen is not None
    assert (chosen.severity, chosen.rule) == (Severity.SEV1, "outage")
    assert verdict([]) is None
    assert verdict(decisions[::-1]) == chosen


def test_a_measurement_that_a_rule_asks_of_this_alert_in_particular_is_missing() -> None:
    rule = {"name": "slow", "severity": "SEV-2", "when": ["latency > 5s"], "matchers": ['alertname="Slow"']}
    made = ruleset(rule)
    (asked,) = made.examine([alert(alertname="Slow")])
    assert [(item.kind, item.text) for item in asked.unknowns] == [
        ("missing", "latency missing: the rule slow uses it")
    ]
    assert not any("missing" in reason for reason in asked.decision.reasons)
    (said,) = made.examine([alert({"latency": "1s"}, alertname="Slow")])
    (unreadable,) = made.examine([alert({"latency": "x"}, alertname="Slow")])
    (other,) = made.examine([alert(alertname="Disk")])
    assert said.unknowns == other.unknowns == ()
    assert [item.kind for item in unreadable.unknowns] == ["measurement"]
    everybody = ruleset({"name": "slow", "severity": "SEV-2", "when": ["latency > 5s"]})
    assert everybody.examine([alert(alertname="Disk")])[0].unknowns == ()
