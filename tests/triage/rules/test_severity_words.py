"""The words of the severity label and of environments in the shipped rules."""

from __future__ import annotations

import pytest

from receiver.model.severity import Severity
from receiver.triage.rules.rule_set import RuleSet, RulesSettings
from receiver.triage.rules.rules_file import word_key
from tests.triage.strategies import REFERENCE, alert, decide

WORDS = {
    "SEV-1": ["SEV-1", "sev1", "Sev_1", " SEV1 "],
    "SEV-2": [
        "critical",
        "CRIT",
        "page",
        "Fatal",
        "disaster",
        "emergency",
        "error",
        "high",
        "major",
        "P1",
        "p2",
        "sev_2",
    ],
    "SEV-3": ["warning", "warn", "Medium", "average", "minor", "p3", "SEV-3", "unheard of", ""],
    "SEV-4": ["info", "low", "notice", "ticket", "none", "P4", "p5", "sev-4", "sev_4"],
}


@pytest.mark.parametrize(("word", "severity"), [(word, level) for level, words in WORDS.items() for word in words])
@pytest.mark.parametrize("rules", [REFERENCE, RuleSet(RulesSettings())], ids=["shipped", "without a map"])
def test_what_the_words_mean(rules: RuleSet, word: str, severity: str) -> None:
    assert decide(rules, alert({}, alertname="X", severity=word)).severity == severity


def test_what_does_not_count_in_a_word() -> None:
    assert word_key(" Not_Good-AT all ") == "not-good-at all"
    twice = {"otherwise": {"map": {"very-bad": "SEV-2", "very_bad": "SEV-3"}}}
    with pytest.raises(ValueError, match="two severities"):
        RulesSettings.model_validate(twice)
    rules = RuleSet(RulesSettings.model_validate({"otherwise": {"map": {"Very_Bad": "SEV-2"}}}))
    assert decide(rules, alert({}, alertname="X", severity="very-bad")).severity is Severity.SEV2


NOT_PRODUCTION = [
    "staging",
    "eu-staging",
    "dev2",
    "qa_payments",
    "UAT",
    "sandbox",
    "demo.eu",
    "Preview-17",
    "testing",
    "qa",
]
PRODUCTION = [
    "prod",
    "production",
    "eu-prod",
    "prod.demo",
    "live-test",
    "pre-prod",
    "staging-prod",
    "devops",
    "protest",
    "",
]


@pytest.mark.parametrize("label", ["environment", "env", "stage"])
@pytest.mark.parametrize(
    ("value", "severity"),
    [*((value, "SEV-4") for value in NOT_PRODUCTION), *((value, "SEV-1") for value in PRODUCTION)],
)
def test_what_is_not_production_never_pages(label: str, value: str, severity: str) -> None:
    assert decide(REFERENCE, alert({}, alertname="ApiDown", **{label: value})).severity == severity


@pytest.mark.parametrize("severity", ["info", "None", "INFO"])
def test_a_name_does_not_overrule_who_wrote_the_alert(severity: str) -> None:
    for name in ("AuthProxyCertificateExpires", "ServiceDown", "LoginPageSlow"):
        decision = decide(REFERENCE, alert({}, alertname=name, severity=severity))
        assert (decision.severity, decision.rule) == (Severity.SEV4, "otherwise")
