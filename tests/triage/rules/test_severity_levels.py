"""The severity levels of the process, with each example, and every threshold from both sides."""

from __future__ import annotations

import pytest

from tests.triage.strategies import REFERENCE, alert, decide

EVERYONE = {"scope": "all_users"}
QUIET = {"alertname": "Something"}


@pytest.mark.parametrize(
    ("example", "annotations", "labels", "severity", "rule"),
    [
        ("Production API unresponsive", {}, {"alertname": "ApiDown", "environment": "production"}, "SEV-1", "outage"),
        ("Production API unresponsive", {}, {"alertname": "ServiceDown"}, "SEV-1", "outage"),
        ("Database corruption", {}, {"alertname": "DatabaseCorruption"}, "SEV-1", "data-loss"),
        ("Data loss affecting all users", {}, {"alertname": "DatabaseDataLossOnPrimary"}, "SEV-1", "data-loss"),
        ("Security breach", {}, {"alertname": "TokenBreach", "category": "security"}, "SEV-1", "security-breach"),
        ("All automations failing", {}, {"alertname": "AllAutomationsFailing"}, "SEV-1", "outage"),
        ("Complete outage for all users", {"error_rate": "61%"}, EVERYONE, "SEV-1", "errors-for-everyone"),
        ("Error rate > 5%", {"error_rate": "7.3%"}, {"alertname": "HighErrorRate"}, "SEV-2", "high-error-rate"),
        ("Latency > 5 seconds", {"latency": "6.2s"}, {"alertname": "HighLatency"}, "SEV-2", "high-latency"),
        ("Single platform integration down", {}, {"alertname": "IntegrationDown"}, "SEV-2", "integration-down"),
        ("Authentication issues", {}, {"alertname": "AuthFailures"}, "SEV-2", "authentication"),
        ("Authentication issues", {}, {"alertname": "LoginErrors"}, "SEV-2", "authentication"),
        ("Critical feature unavailable", {}, {"severity": "critical"}, "SEV-2", "otherwise"),
        ("Non-critical feature degraded", {}, {"severity": "warning"}, "SEV-3", "otherwise"),
        ("Performance degradation < 2x", {"slowdown": "1.6x"}, {}, "SEV-3", "degraded"),
        ("Partial data delay", {}, {"alertname": "OrdersDataDelay"}, "SEV-3", "data-delay"),
        ("Partial data delay", {}, {"alertname": "DataLagOfOrders"}, "SEV-3", "data-delay"),
        ("UI rendering issues", {}, {"category": "ui"}, "SEV-4", "cosmetic"),
        ("Internal dashboard slow", {}, {"alertname": "DashboardSlow", "category": "internal"}, "SEV-4", "cosmetic"),
        ("Non-blocking errors", {}, {"severity": "info"}, "SEV-4", "otherwise"),
        ("Monitoring gaps", {}, {"alertname": "ScrapeMissing", "category": "monitoring"}, "SEV-4", "cosmetic"),
    ],
)
def test_examples(example: str, annotations: dict[str, str], labels: dict[str, str], severity: str, rule: str) -> None:
    decision = decide(REFERENCE, alert(annotations, **{**QUIET, **labels}))
    assert (decision.severity, decision.rule, decision.capped_by) == (severity, rule, None), example


@pytest.mark.parametrize(
    ("annotations", "alertname", "rule"),
    [
        ({"error_rate": "61%"}, "HighErrorRate", "high-error-rate"),
        ({"latency": "+Inf"}, "HighLatency", "high-latency"),
        ({}, "IntegrationDown", "integration-down"),
        ({}, "AuthFailures", "authentication"),
        ({"slowdown": "9x"}, "Slow", "slowed-down"),
    ],
)
def test_a_single_tenant_is_minor_whatever_it_has(annotations: dict[str, str], alertname: str, rule: str) -> None:
    decision = decide(REFERENCE, alert(annotations, alertname=alertname, tenant="acme"))
    assert (decision.severity, decision.rule, decision.capped_by) == ("SEV-3", rule, "single-tenant")


OVER_5_PERCENT = [
    "5.0000001%", "0.050000001", "0.05000000000000001", "5.1 percent", "7.3%", "0.073", "7.3 percent", "7.3 PERCENT",
    "730e-2%", "7.3\u00a0%", "\t7.3%\n", "+7.3%", "1", "1.0", "1e0", "100%", "120%", "1e3%", "51e-3", ".051", "07.3%",
    "5.01%", "50%", "50 percent", "0.5",
]  # fmt: skip
AT_5_PERCENT = [
    "5%", "5.0%", "5.%", "05%", "0.05", ".05", "0.050000", "5 percent", "5Percent", "5e0%", "5e-2", "500e-2%",
    "0.005e1", " 5 % ", "+5%", "+0.05", "5.00000000000000000000000000000%",
]  # fmt: skip
UNDER_5_PERCENT = [
    "4.9999999%", "0.0499999999", "4.99 percent", "0.04999999999999999", "0", "0%", "-0", "-0.0%", "1e-9", "499e-4",
]  # fmt: skip
NO_QUANTITY = [
    "", " ", "N/A", "n/a", "none", "null", "<no value>", "NaN", "nan%", "-5%", "-0.073", "-Inf", "-1e3", "7,3%", "7,3",
    "0,073", "7,3 percent", "1,000", "1.000,5", "\u0667.\u0663%", "\uff17.3%", "7.3\uff05", "7\u066a", "\u200b7.3%",
    "7.3%%", "%", "seven", "0x10", "1_0", "7.3.1", "7.3 %  of requests", "9" * 65, "9" * 5000, "7.3%" * 2000,
    "{{ $value }}", "\x1b[31m7%", "1e", "e3", "++1", "--1", "1/2", "5 per cent", "\u00bd", "1e99999",
]  # fmt: skip


@pytest.mark.parametrize("text", OVER_5_PERCENT)
def test_over_5_percent_of_errors_is_major(text: str) -> None:
    decision = decide(REFERENCE, alert({"error_rate": text}, **QUIET))
    assert (decision.severity, decision.rule) == ("SEV-2", "high-error-rate")
    assert decision.reasons[0].endswith("> 5%")


@pytest.mark.parametrize("text", AT_5_PERCENT + UNDER_5_PERCENT)
def test_5_percent_of_errors_and_less_is_not(text: str) -> None:
    decision = decide(REFERENCE, alert({"error_rate": text}, **QUIET))
    assert (decision.severity, decision.rule) == ("SEV-3", "otherwise")
    assert decision.next_worse == "high-error-rate (SEV-2) if error_rate > 5%"
    assert not any("unreadable" in reason for reason in decision.reasons)
    assert text not in AT_5_PERCENT or decision.measured == {"error_rate": 0.05}


@pytest.mark.parametrize(
    ("text", "severity", "rule"),
    [
        *[(text, "SEV-2", "high-error-rate") for text in ("49.9999999%", "0.4999999", "50%", "0.5", "50.0 percent",
                                                          ".5", "5e1%", "500e-3")],
        *[(text, "SEV-1", "errors-for-everyone") for text in ("50.0000001%", "0.50000001", "51 percent", "1", "1e2%")],
    ],
)  # fmt: skip
def test_half_of_all_requests_for_everyone(text: str, severity: str, rule: str) -> None:
    decision = decide(REFERENCE, alert({"error_rate": text}, **QUIET, **EVERYONE))
    assert (decision.severity, decision.rule) == (severity, rule)
    assert decide(REFERENCE, alert({"error_rate": text}, **QUIET, scope="many_users")).severity == "SEV-2"


@pytest.mark.parametrize(
    ("text", "over"),
    [
        *[(text, True) for text in ("5.0000001s", "5001ms", "5000.001ms", "0m5.001s", "5s1ns", "1m", "6e3ms", "1e3",
                                    "6", "5.1", "0h0m6s", "+Inf", "Inf", "inf", "+inf", "Infinity", "1d", "5000001us")],
        *[(text, False) for text in ("5s", "5000ms", "5", "5.0", "5.", "5e0", "0m5s", "0h0m5s", "5e3ms", "5 s",
                                     "4s1000ms", "5000000us", "5000000µs", "5000000000ns", "+5s", "4s 1s", "0.0833e0m",
                                     "4.999s", "4999ms", "1e3ms", "0", "0s", "-0s", "4.9999999", "0m4.9s")],
    ],
)  # fmt: skip
def test_five_seconds(text: str, over: bool) -> None:
    decision = decide(REFERENCE, alert({"latency": text}, **QUIET))
    assert (decision.severity, decision.rule) == (("SEV-2", "high-latency") if over else ("SEV-3", "otherwise"))
    assert not any("unreadable" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        *[(text, "slowed-down") for text in ("2x", "2", "2.0", "2 x", "2X", "2×", "2e0", "+2x", "2.0000001x", "10x",
                                             "1e3", "200e-2x")],
        *[(text, "degraded") for text in ("1.9999999x", "1.9999999", "1x", "1", "0.5x", "0", "199e-2")],
    ],
)  # fmt: skip
def test_twice_as_slow(text: str, rule: str) -> None:
    decision = decide(REFERENCE, alert({"slowdown": text}, **QUIET))
    assert (decision.severity, decision.rule) == ("SEV-2" if rule == "slowed-down" else "SEV-3", rule)


@pytest.mark.parametrize("name", ["error_rate", "latency", "slowdown"])
@pytest.mark.parametrize("text", NO_QUANTITY)
def test_what_cannot_be_read_is_said_and_hides_nothing(name: str, text: str) -> None:
    (decided,) = REFERENCE.examine([alert({name: text}, **QUIET, severity="critical")])
    decision = decided.decision
    assert (decision.severity, decision.rule, decision.measured) == ("SEV-2", "otherwise", {})
    assert [item.kind for item in decided.unknowns] == ["measurement"]
    assert f"{name} unreadable: " in decision.reasons[-1]
    assert len(decision.reasons[-1]) < 200
    assert decision.reasons[-1].isprintable()


@pytest.mark.parametrize(
    ("name", "text"),
    [("error_rate", "7.3"), ("error_rate", "1.0000001"), ("error_rate", "1e3"), ("error_rate", "+Inf"),
     ("error_rate", "7.3s"), ("error_rate", "7.3x"), ("latency", "7.3%"), ("latency", "6 seconds"), ("latency", "6sx"),
     ("latency", "1m-5s"), ("latency", "6S"), ("slowdown", "200%"), ("slowdown", "+Inf"), ("slowdown", "2s")],
)  # fmt: skip
def test_another_unit_is_no_quantity(name: str, text: str) -> None:
    (decided,) = REFERENCE.examine([alert({name: text}, **QUIET)])
    assert (decided.decision.severity, decided.decision.measured) == ("SEV-3", {})
    assert f"{name} unreadable: " in decided.decision.reasons[-1]


def test_a_shared_field_is_read_by_the_alerts_name() -> None:
    assert decide(REFERENCE, alert({"value": "0.073"}, alertname="ApiErrorRate")).rule == "high-error-rate"
    assert decide(REFERENCE, alert({"value": "7.3"}, alertname="ApiLatency")).rule == "high-latency"
    assert decide(REFERENCE, alert({"value": "7.3"}, alertname="Other")).reasons[0].startswith("no rule matched")
