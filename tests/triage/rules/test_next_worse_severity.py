"""The condition that would have made a decision one step worse, in words."""

from __future__ import annotations

import pytest

from tests.triage.strategies import CAPS, REFERENCE, alert, decide, ruleset

BY_LABEL = 'otherwise (SEV-2) if severity="critical" or "crit" or "page" or 10 more'


@pytest.mark.parametrize(
    ("annotations", "labels", "words"),
    [
        ({"error_rate": "61%"}, {}, "errors-for-everyone (SEV-1) if scope >= all_users"),
        ({"error_rate": "7%"}, {"scope": "all_users"}, "errors-for-everyone (SEV-1) if error_rate > 50%"),
        ({"error_rate": "7%"}, {}, "errors-for-everyone (SEV-1) if error_rate > 50% and scope >= all_users"),
        ({"error_rate": "7%", "latency": "9s"}, {}, "errors-for-everyone (SEV-1) if error_rate > 50% and"
         " scope >= all_users"),
        ({"latency": "9s"}, {}, None),
        ({"latency": "3s"}, {}, "high-latency (SEV-2) if latency > 5s"),
        ({"latency": "3s"}, {"severity": "info"},
         'otherwise (SEV-3) if severity="warning" or "warn" or "medium" or 5 more'),
        ({"slowdown": "1.2x"}, {}, "slowed-down (SEV-2) if slowdown >= 2x"),
        ({}, {}, BY_LABEL),
        ({}, {"severity": "critical"}, 'otherwise (SEV-1) if severity="sev1" or "sev-1"'),
        ({}, {"severity": "SEV_1"}, None),
        ({}, {"severity": "odd"}, BY_LABEL),
        ({}, {"category": "ui"}, None),
        ({"latency": "3s"}, {"tenant": "acme"}, None),
        ({"error_rate": "61%"}, {"scope": "all_users"}, None),
        ({"error_rate": "7%"}, {"tenant": "acme"}, "high-error-rate (SEV-2) if the cap single-tenant did not apply"),
        ({"error_rate": "4%"}, {"tenant": "acme"}, "errors-for-everyone (SEV-1) if error_rate > 50% and"
         " scope >= all_users"),
        ({"error_rate": "7%"}, {"tenant": "acme", "environment": "dev"},
         "high-error-rate (SEV-3) if the cap not-production did not apply"),
        ({}, {"severity": "critical", "environment": "dev"},
         "otherwise (SEV-2) if the cap not-production did not apply"),
    ],
)  # fmt: skip
def test_in_words(annotations: dict[str, str], labels: dict[str, str], words: str | None) -> None:
    assert decide(REFERENCE, alert(annotations, alertname="X", **labels)).next_worse == words


def test_every_cap_that_binds_is_named() -> None:
    rules = ruleset(
        {"name": "down", "severity": "SEV-1", "matchers": ['alertname="Down"']},
        {"name": "night", "at_most": "SEV-4", "matchers": ['alertname="Down"']},
        {"name": "mild", "at_most": "SEV-2"},
        *CAPS,
    )
    decision = decide(rules, alert(alertname="Down", environment="dev"))
    assert decision.next_worse == "down (SEV-2) if the caps not-production and night did not apply"


@pytest.mark.parametrize("when", [["scope > all_users"], ["latency < 0s"], ["latency > 9s", "latency < 3s"]])
def test_what_can_never_hold_is_near_to_nothing(when: list[str]) -> None:
    rules = ruleset({"name": "never", "severity": "SEV-1", "when": when}, otherwise={"map": {}})
    assert decide(rules, alert({"latency": "5s"}, scope="all_users")).next_worse is None


def test_two_conditions_on_one_quantity_are_met_together() -> None:
    both = {"name": "odd", "severity": "SEV-1", "when": ["latency > 9s", "latency != 10s", "latency > 3s"]}
    rules = ruleset(both, otherwise={"map": {}})
    assert decide(rules, alert({"latency": "1s"})).next_worse == "odd (SEV-1) if latency > 9s and latency > 3s"
