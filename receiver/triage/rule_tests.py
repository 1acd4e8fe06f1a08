"""Unit tests of severity rules, as `receiver test-rules` runs them: alerts in, what must come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from receiver.model.alert import Alert, AlertStatus, Labels
from receiver.model.base import Frozen
from receiver.model.severity import Decision, Severity
from receiver.triage.foreign import nearest
from receiver.triage.rules import RuleSet, verdict


class CaseAlert(Frozen):
    """An alert of a case; it fires unless it says otherwise."""

    labels: Labels = Field(description="Its labels")
    annotations: Labels = Field({}, description="Its annotations")
    status: AlertStatus = Field(AlertStatus.FIRING, description="`firing` or `resolved`; only what fires is decided on")


class Expectation(Frozen):
    """What the worst alert's decision must be; only what is given is compared. `null` means that there is none."""

    severity: Severity | None = Field(None, description="SEV-1 to SEV-4; null: nothing fires")
    rule: str | None = Field(None, description="The rule that wins, or `otherwise`")
    capped_by: str | None = Field(None, description="The cap that lowered it; null: none did")
    scope: str | None = Field(None, description="The scope it was decided with; null: unknown")

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("it expects nothing; give at least one of severity, rule, capped_by, scope")
        return self


class Case(Frozen):
    """One case: a notification's alerts and what must come out."""

    name: str = Field(min_length=1, description="What the case shows, in words")
    alerts: tuple[CaseAlert, ...] = Field(description="The alerts of one notification")
    expect: Expectation = Field(description="What must come out")

    @field_validator("alerts")
    @classmethod
    def _some(cls, alerts: tuple[CaseAlert, ...]) -> tuple[CaseAlert, ...]:
        if not alerts:
            raise ValueError("give at least one alert")
        return alerts


class RuleTests(Frozen):
    """A whole file of rule tests."""

    rules: str = Field(min_length=1, description="The rules file, relative to this file")
    tests: tuple[Case, ...] = Field(description="The cases")

    @field_validator("tests")
    @classmethod
    def _some(cls, tests: tuple[Case, ...]) -> tuple[Case, ...]:
        if not tests:
            raise ValueError("give at least one case")
        return tests


class CaseResult(NamedTuple):
    """How a case went."""

    name: str
    differences: tuple[str, ...]
    """One line for each expectation that was not met."""
    decision: Decision | None
    """The notification's decision, with its reasons; None when nothing fired."""

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return not self.differences

    @property
    def report(self) -> str:
        """The case on one line when it passed; otherwise each difference and why the rules decided so, below it."""
        if self.passed:
            return f"ok    {self.name}"
        lines = [f"FAIL  {self.name}", *(f"        {line}" for line in self.differences)]
        if self.decision is not None:
            lines.append(f"        because: {'; '.join(self.decision.reasons)}")
            if self.decision.next_worse:
                lines.append(f"        next: {self.decision.next_worse}")
        return "\n".join(lines)


def run(document: Mapping[str, Any], rules: RuleSet) -> list[CaseResult]:
    """Return how each case of a rule tests file went, in its order.

    Raises pydantic's ValidationError when `document` is no such file. Which rules to load (`rules:`) is the caller's.
    """
    return [_run(case, rules) for case in RuleTests.model_validate(document).tests]


def _run(case: Case, rules: RuleSet) -> CaseResult:
    firing = [
        Alert(status=item.status, labels=item.labels, annotations=item.annotations)
        for item in case.alerts
        if item.status is AlertStatus.FIRING
    ]
    decision = verdict(rules.decide(firing))
    differences: list[str] = []
    for name in ("severity", "rule", "capped_by", "scope"):
        if name not in case.expect.model_fields_set:
            continue
        wanted = getattr(case.expect, name)
        got = getattr(decision, name, None)
        if wanted != got:
            unknown = name in ("rule", "capped_by") and wanted is not None and wanted not in rules.names
            hint = f" (there is no rule {wanted}{nearest(wanted, rules.names)})" if unknown else ""
            differences.append(f"{name}: expected {_shown(wanted)}, got {_shown(got)}{hint}")
    return CaseResult(case.name, tuple(differences), decision)


def _shown(value: str | None) -> str:
    return "none" if value is None else str(value)
