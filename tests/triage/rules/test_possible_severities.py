"""The possible severities of an alert rule before it has fired."""

from __future__ import annotations

import time

from receiver.triage.rules.possible_severities import spectrum
from tests.triage.strategies import REFERENCE

PERCENT = "{{ $value | humanizePercentage }}"


def severities(labels: dict[str, str], annotations: dict[str, str] | None = None) -> list[tuple[str, float | None]]:
    found = spectrum(REFERENCE, {"alertname": "A", **labels}, annotations or {})
    return [(one.decision.severity.value, one.value) for one in found.possible]


def test_without_a_template_there_is_one() -> None:
    assert severities({"alertname": "ApiDown"}) == [("SEV-1", None)]
    assert severities({"severity": "info"}) == [("SEV-4", None)]


def test_a_template_of_the_value_may_lead_to_several() -> None:
    found = severities({"severity": "warning", "scope": "all_users"}, {"error_rate": PERCENT})
    assert [severity for severity, _ in found] == ["SEV-1", "SEV-2", "SEV-3"]
    by = dict(found)
    assert by["SEV-1"] is not None and 0.5 < by["SEV-1"] < 0.51
    assert by["SEV-2"] is not None and 0.05 < by["SEV-2"] < 0.051


def test_a_bare_number_is_read_in_the_base_unit_and_a_unit_may_stand_behind_it() -> None:
    assert [severity for severity, _ in severities({"severity": "info"}, {"latency": "{{ $value }}"})] == [
        "SEV-2",
        "SEV-4",
    ]
    by = dict(severities({"severity": "info"}, {"latency": '{{ printf "%.0f" .Value }}ms'}))
    assert by["SEV-2"] is not None and by["SEV-2"] > 5000


def test_a_long_text_of_templates_that_are_not_closed_is_read_in_time() -> None:
    began = time.process_time()
    assert severities({"severity": "info"}, {"summary": "{{ " * 100_000}) == [("SEV-4", None)]
    assert time.process_time() - began < 2.0


def test_what_the_series_says_is_not_known() -> None:
    found = spectrum(
        REFERENCE, {"alertname": "A", "severity": "{{ $labels.severity }}"}, {"summary": "on {{ $labels.x }}"}
    )
    assert found.unknown == ("severity", "summary")
    # One outcome for each severity of its map; the actual one is known only when it fires.
    assert [(one.decision.severity.value, one.given) for one in found.possible] == [
        ("SEV-1", "sev1"),
        ("SEV-2", "critical"),
        ("SEV-3", "warning"),
        ("SEV-4", "info"),
    ]


def test_a_template_that_writes_its_own_words_can_be_no_other() -> None:
    def given(template: str) -> list[tuple[str, str | None]]:
        found = spectrum(REFERENCE, {"alertname": "A", "severity": template}, {})
        return [(one.decision.severity.value, one.given) for one in found.possible]

    either = [("SEV-2", "critical"), ("SEV-3", "warning")]
    assert given("{{ if gt $value 0.9 }}critical{{ else }}warning{{ end }}") == either
    assert given('{{ if eq $labels.env "prod" }}critical{{ else }}warning{{ end }}') == either
    assert given('{{ with $x := "warning" }}{{ . }}{{ end }}') == [("SEV-3", "warning")]
    assert len(given("{{ if $labels.severity }}{{ $labels.severity }}{{ else }}info{{ end }}")) == 4
