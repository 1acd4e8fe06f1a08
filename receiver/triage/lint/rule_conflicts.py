"""Finds rules that can never match, and rules that can never decide, by comparing them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from receiver.model.severity import Severity, worst
from receiver.triage.lint.rule_requirements import exclude, follows, negated, quantities_exclude, quantity_follows
from receiver.triage.lint.rule_warnings import Advice
from receiver.triage.matchers import Matcher, Operator, parse_matcher
from receiver.triage.measurements.alert_fields import SourceSettings
from receiver.triage.measurements.scope import rank_of
from receiver.triage.rules.conditions import Condition, parse_condition
from receiver.triage.rules.rules_file import RuleSettings, RulesSettings
from receiver.triage.safe_text import quoted

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Demand:
    """All requirements of one rule, for comparison."""

    settings: RuleSettings
    path: Place
    conditions: tuple[tuple[Place, Condition], ...]
    matchers: tuple[tuple[Place, Matcher], ...]
    """Includes those of `unless`, negated."""
    ranks: frozenset[float]

    @property
    def level(self) -> Severity:
        """The severity that it raises to, or the one that it caps at."""
        level = self.settings.severity or self.settings.at_most
        assert level is not None, "RuleSettings has exactly one of the two"  # noqa: S101 - narrows the type
        return level

    @property
    def caps(self) -> bool:
        """Whether it is a cap."""
        return self.settings.at_most is not None

    @property
    def name(self) -> str:
        """Its name, for a sentence."""
        return quoted(self.settings.name, 80)

    @cached_property
    def labels(self) -> tuple[Matcher, ...]:
        """The matchers alone."""
        return tuple(matcher for _, matcher in self.matchers)

    @cached_property
    def compared(self) -> tuple[Condition, ...]:
        """The conditions alone."""
        return tuple(condition for _, condition in self.conditions)

    def implies(self, other: Demand) -> bool:
        """Return whether `other` matches every alert that this one matches."""
        return all(follows(matcher, self.labels) for matcher in other.labels) and all(
            quantity_follows(condition, self.compared, self.ranks) for condition in other.compared
        )


def demands(settings: RulesSettings) -> tuple[Demand, ...]:
    """Return the requirements of each rule, in the order of the file."""
    units = {name: item.unit for name, item in settings.measurements.items()}
    order, ranks = settings.scope.order, frozenset(rank_of(settings.scope.order).values())
    found = []
    for index, rule in enumerate(settings.rules):
        path: Place = ("rules", index)
        when = [((*path, "when", i), parse_condition(text, units, order)) for i, text in enumerate(rule.when)]
        labels = [((*path, "matchers", i), parse_matcher(text)) for i, text in enumerate(rule.matchers)]
        labels += [((*path, "unless", i), negated(parse_matcher(text))) for i, text in enumerate(rule.unless)]
        found.append(Demand(rule, path, tuple(when), tuple(labels), ranks))
    return tuple(found)


def compared(settings: RulesSettings) -> Iterator[Advice]:
    """Yield the reasons why a rule can certainly never match, or never decide anything."""
    every = demands(settings)
    never = {demand.path: found for demand in every if (found := _never(demand, settings))}
    yield from never.values()
    able = [demand for demand in every if demand.path not in never]
    for demand in able:
        found = _beaten(demand, able)
        if found is not None:
            yield found
    raised = [demand.level for demand in able if not demand.caps]
    most = worst([*raised, settings.otherwise.fallback, *settings.otherwise.words.values()])
    for demand in able:
        if demand.caps and most and demand.level is not Severity.SEV1 and not most.worse_than(demand.level):
            yield Advice(
                (*demand.path, "at_most"), f"limits nothing: no rule or label gives a severity worse than {most}"
            )


def _never(demand: Demand, settings: RulesSettings) -> Advice | None:
    for name in dict.fromkeys(condition.name for condition in demand.compared):
        of_name = [(path, condition) for path, condition in demand.conditions if condition.name == name]
        if quantities_exclude([condition for _, condition in of_name], demand.ranks):
            return _quantity(of_name, demand.ranks)
        if name in settings.measurements and not _given(settings.measurements[name].sources, demand, settings, name):
            text = f"never holds: no source of {name} applies to the alerts that this rule matches"
            return Advice(of_name[0][0], text)
    for name in dict.fromkeys(matcher.name for matcher in demand.labels):
        of_label = [(path, matcher) for path, matcher in demand.matchers if matcher.name == name]
        if exclude([matcher for _, matcher in of_label]):
            return _label(of_label)
    return None


def _quantity(found: Sequence[tuple[Place, Condition]], ranks: frozenset[float]) -> Advice:
    for path, condition in found:
        if quantities_exclude([condition], ranks):
            return Advice(path, f"never holds: no value satisfies {condition}")
    for (_, first), (path, second) in combinations(found, 2):
        if quantities_exclude([first, second], ranks):
            return Advice(path, f"never holds: {first} and {second} exclude each other")
    path, _ = found[-1]
    return Advice(path, f"never holds: {', '.join(str(condition) for _, condition in found)} exclude each other")


def _label(found: Sequence[tuple[Place, Matcher]]) -> Advice:
    for path, matcher in found:
        if exclude([matcher]):
            return Advice(path, f"never holds: no alert can match {matcher}")
    for (first_path, first), (path, second) in combinations(found, 2):
        if exclude([first, second]):
            return Advice(path, f"never holds: {_written(first_path, first)} and {_written(path, second)}")
    path, _ = found[-1]
    return Advice(path, f"never holds: {' and '.join(_written(path, matcher) for path, matcher in found)}")


def _written(path: Place, matcher: Matcher) -> str:
    return f"unless {negated(matcher)}" if "unless" in path else str(matcher)


def _given(sources: Sequence[SourceSettings], demand: Demand, settings: RulesSettings, name: str) -> bool:
    measurement = settings.measurements[name]
    if measurement.promql is not None and not exclude(
        [*demand.labels, *(parse_matcher(text) for text in measurement.alerts)]
    ):
        return True
    for source in sources:
        asked = [parse_matcher(text) for text in source.alerts]
        place, _, field = source.source.partition(".")
        if place == "labels":
            asked.append(Matcher(field, Operator.NOT_EQUAL, ""))
        if not exclude([*demand.labels, *asked]):
            return True
    return False


def _beaten(demand: Demand, every: Sequence[Demand]) -> Advice | None:
    key = "at_most" if demand.caps else "severity"
    for other in every:
        if other is demand or not demand.implies(other):
            continue
        if other.caps and not demand.caps:
            if demand.level.worse_than(other.level):
                text = f"never {demand.level}: the cap {other.name} ({other.level}) always holds when this rule does"
                return Advice((*demand.path, key), text)
            continue
        if other.caps is not demand.caps:
            continue
        stronger = demand.level.worse_than(other.level) if demand.caps else other.level.worse_than(demand.level)
        if stronger:
            verb = "limits nothing" if demand.caps else "never wins"
            return Advice((*demand.path, key), f"{verb}: {other.name} ({other.level}) always holds when this rule does")
        if demand.level is other.level and other.path < demand.path and other.implies(demand):
            return Advice((*demand.path, key), f"the same as {other.name}: remove one of the two")
    return None
