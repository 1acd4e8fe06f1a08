"""Unit tests for severity rules, run by `receiver test-rules`: alerts and the expected result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from receiver.model.alert.alert import Alert, AlertStatus, Labels
from receiver.model.base import Frozen
from receiver.model.severity import Decision, Severity
from receiver.triage.measurements.units import Unreadable, parse_quantity, written
from receiver.triage.rules.rule_set import RuleSet, verdict
from receiver.triage.safe_text import nearest


class CaseAlert(Frozen):
    """An alert of a case; it fires unless it says otherwise."""

    labels: Labels = Field(description="Its labels")
    annotations: Labels = Field({}, description="Its annotations")
    status: AlertStatus = Field(
        AlertStatus.FIRING, description="`firing` or `resolved`; only firing alerts get a severity"
    )


class ExpectedPage(Frozen):
    """A page at a certain minute, if no one has responded by then."""

    minute: float = Field(ge=0, description="Minutes after the incident opens")
    contact: str | None = Field(None, description="The contact; default: any")
    person: str | None = Field(None, description="The person; default: any")


class Expectation(Frozen):
    """The expected decision for the worst alert; only the given fields are compared. `null` means none."""

    severity: Severity | None = Field(None, description="SEV-1 to SEV-4; null: nothing fires")
    rule: str | None = Field(None, description="The rule that wins, or `otherwise`")
    capped_by: str | None = Field(None, description="The cap that lowered it; null: none did")
    scope: str | None = Field(None, description="The scope in the decision; null: unknown")
    measured: dict[str, str | float] | None = Field(None, description="Measurements, such as error_rate: 7.3%")
    reasons: tuple[str, ...] | None = Field(None, description="Words that the reasons must contain")
    next_worse: str | None = Field(
        None, description="Words that the description of the next worse severity must contain; null: none exists"
    )
    pages: tuple[ExpectedPage, ...] | None = Field(
        None, description="Everyone who is paged, and when, if no one responds; needs `config`"
    )
    notified: tuple[str, ...] | None = Field(None, description="People who are notified at once; needs `config`")
    status_page: str | None = Field(None, description="`auto`, `approve` or `none`; needs `config`")

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"it expects nothing; give at least one of {', '.join(type(self).model_fields)}")
        return self


class Case(Frozen):
    """One case: a notification's alerts and the expected result."""

    name: str = Field(min_length=1, description="Description of the case")
    at: datetime | None = Field(
        None, description="Time of the notification, for schedules; default: a Monday at noon, UTC"
    )
    alerts: tuple[CaseAlert, ...] = Field(description="The alerts of one notification")
    expect: Expectation = Field(description="The expected result")

    @field_validator("alerts")
    @classmethod
    def _some(cls, alerts: tuple[CaseAlert, ...]) -> tuple[CaseAlert, ...]:
        if not alerts:
            raise ValueError("give at least one alert")
        return alerts


class RuleTests(Frozen):
    """A whole file of rule tests."""

    rules: str = Field(min_length=1, description="The rules file, relative to this file")
    config: str | None = Field(
        None, description="The configuration for pages and the status page, relative to this file"
    )
    tests: tuple[Case, ...] = Field(description="The cases")

    @field_validator("tests")
    @classmethod
    def _some(cls, tests: tuple[Case, ...]) -> tuple[Case, ...]:
        if not tests:
            raise ValueError("give at least one case")
        return tests


class CaseResult(NamedTuple):
    """The result of a case."""

    name: str
    differences: tuple[str, ...]
    """One line for each expectation that was not met."""
    decision: Decision | None
    """The notification's decision, with its reasons; None when nothing fired."""
    met: frozenset[str] = frozenset()
    """Rules and caps that decided about any of its alerts."""

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return not self.differences

    @property
    def report(self) -> str:
        """The case on one line if it passed; otherwise followed by each difference and the reasons for the decision."""
        if self.passed:
            return f"ok    {self.name}"
        lines = [f"FAIL  {self.name}", *(f"        {line}" for line in self.differences)]
        if self.decision is not None:
            lines.append(f"        because: {'; '.join(self.decision.reasons)}")
            if self.decision.next_worse:
                lines.append(f"        next: {self.decision.next_worse}")
        return "\n".join(lines)


class Planned(NamedTuple):
    """The result of a configuration for a case."""

    pages: tuple[tuple[float, str | None, str], ...]
    """Minute, contact and person of each page, in order of time, if no one responds."""
    notified: tuple[str, ...]
    """People who are notified at once."""
    status_page: str
    """`auto`, `approve` or `none`."""


Planning = Callable[["Case"], Planned]
"""Returns what the configuration does with a case; called only for cases that have such expectations."""


def run(document: Mapping[str, Any], rules: RuleSet, planning: Planning | None = None) -> list[CaseResult]:
    """Return the result of each case of a rule tests file, in the file's order.

    `planning` is needed for cases that expect pages, notified people, or a status page policy.
    Raises pydantic's ValidationError if `document` is not such a file. The caller loads the rules (`rules:`).
    """
    return [_run(case, rules, planning) for case in RuleTests.model_validate(document).tests]


def untested(results: Iterable[CaseResult], rules: RuleSet) -> list[str]:
    """Return the rules and caps (and `otherwise`) that no case covers, sorted by name."""
    met = {name for result in results for name in result.met}
    return [name for name in rules.names if name not in met]


def fired(case: Case) -> list[Alert]:
    """Return the firing alerts of a case."""
    return [
        Alert(status=item.status, labels=item.labels, annotations=item.annotations)
        for item in case.alerts
        if item.status is AlertStatus.FIRING
    ]


def _run(case: Case, rules: RuleSet, planning: Planning | None) -> CaseResult:
    decisions = rules.decide(fired(case))
    decision = verdict(decisions)
    given = case.expect.model_fields_set
    differences = [*_decided(case, decision, rules), *_measured(case, decision, rules)]
    if given & {"pages", "notified", "status_page"}:
        if planning is None:
            raise LookupError(f"{case.name}: pages, notified and status_page need a configuration (write config: FILE)")
        differences += _planned(case, planning(case))
    met = {decision.rule for decision in decisions} | {d.capped_by for d in decisions if d.capped_by}
    return CaseResult(case.name, tuple(differences), decision, frozenset(met))


def _decided(case: Case, decision: Decision | None, rules: RuleSet) -> Iterable[str]:
    for name in ("severity", "rule", "capped_by", "scope"):
        if name not in case.expect.model_fields_set:
            continue
        wanted = getattr(case.expect, name)
        got = getattr(decision, name, None)
        if wanted != got:
            unknown = name in ("rule", "capped_by") and wanted is not None and wanted not in rules.names
            hint = f" (there is no rule {wanted}{nearest(wanted, rules.names)})" if unknown else ""
            yield f"{name}: expected {_shown(wanted)}, got {_shown(got)}{hint}"
    for words in case.expect.reasons or ():
        if decision is None or not any(words in reason for reason in decision.reasons):
            yield f"reasons: expected {words!r} among {list(decision.reasons) if decision else []}"
    if "next_worse" in case.expect.model_fields_set:
        wanted, got = case.expect.next_worse, decision.next_worse if decision else None
        if (wanted is None) != (got is None) or (wanted and got and wanted not in got):
            yield f"next_worse: expected {_shown(wanted)}, got {_shown(got)}"


def _measured(case: Case, decision: Decision | None, rules: RuleSet) -> Iterable[str]:
    known = rules.settings.measurements
    for name, text in (case.expect.measured or {}).items():
        if name not in known:
            yield f"measured: there is no measurement {name}{nearest(name, known)}"
            continue
        unit = known[name].unit
        try:
            wanted = parse_quantity(str(text), unit)
        except Unreadable as error:
            yield f"measured: {name}: {error}"
            continue
        got = decision.measured.get(name) if decision else None
        if got != wanted:
            shown = "nothing" if got is None else written(got, unit)
            yield f"measured: {name}: expected {written(wanted, unit)}, got {shown}"


def _planned(case: Case, planned: Planned) -> Iterable[str]:
    wanted = case.expect.pages
    if wanted is not None:
        left = list(planned.pages)
        for page in wanted:
            found = next((one for one in left if _fits(page, one)), None)
            if found is None:
                yield f"pages: expected {_words(page.minute, page.contact, page.person)}, but there is none"
            else:
                left.remove(found)
        yield from (f"pages: not expected {_words(*one)}" for one in left)
    if case.expect.notified is not None and sorted(case.expect.notified) != sorted(planned.notified):
        yield f"notified: expected {', '.join(sorted(case.expect.notified)) or 'no one'}, " + (
            f"got {', '.join(sorted(planned.notified)) or 'no one'}"
        )
    if "status_page" in case.expect.model_fields_set and (case.expect.status_page or "none") != planned.status_page:
        yield f"status_page: expected {case.expect.status_page or 'none'}, got {planned.status_page}"


def _fits(page: ExpectedPage, one: tuple[float, str | None, str]) -> bool:
    minute, contact, person = one
    return abs(minute - page.minute) < 1 / 60 and page.contact in (None, contact) and page.person in (None, person)


def _words(minute: float, contact: str | None, person: str | None) -> str:
    return f"a page at minute {minute:g}" + (f" to {person}" if person else "") + (f" for {contact}" if contact else "")


def _shown(value: str | None) -> str:
    return "none" if value is None else str(value)
