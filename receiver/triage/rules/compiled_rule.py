"""One compiled rule: whether it matches, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from receiver.model.severity import Severity
from receiver.triage.matchers import parse_matcher
from receiver.triage.measurements.units import Unit
from receiver.triage.rules.conditions import Condition, parse_condition
from receiver.triage.rules.rules_file import RuleSettings
from receiver.triage.safe_text import quoted


class Facts(NamedTuple):
    """All facts that a rule can use."""

    labels: Mapping[str, str]
    values: Mapping[str, float]
    """The measurements, and the rank of the scope."""
    scope: str | None


class Rule:
    """A compiled rule. For a cap, `severity` is the level to which it limits."""

    def __init__(self, settings: RuleSettings, units: Mapping[str, Unit | None], order: tuple[str, ...]) -> None:
        self.name = settings.name
        self.caps = settings.at_most is not None
        level = settings.at_most or settings.severity
        assert level is not None, "RuleSettings has exactly one of the two"  # noqa: S101 - narrows the type
        self.severity: Severity = level
        self.rank = level.rank
        self.matchers = tuple(parse_matcher(text) for text in settings.matchers)
        self._unless = tuple(parse_matcher(text) for text in settings.unless)
        self._when: tuple[Condition, ...] = tuple(parse_condition(text, units, order) for text in settings.when)

    @property
    def order(self) -> tuple[int, int, str]:
        """Sorts rules so that the first match decides: most severe first, strictest cap first.

        Among equals, the one with more conditions is more specific; then by name, so that a file's order never matters.
        """
        conditions = len(self.matchers) + len(self._unless) + len(self._when)
        return (-self.rank if self.caps else self.rank, -conditions, self.name)

    @property
    def labels(self) -> set[str]:
        """The names of all labels that it uses."""
        return {matcher.name for matcher in self.matchers + self._unless}

    @property
    def measured(self) -> set[str]:
        """The names of the measurements that must be known for it to match."""
        return {condition.name for condition in self._when if condition.unit is not None}

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Return whether all its matchers, and none of its exceptions, match these labels."""
        for matcher in self.matchers:
            if not matcher.matches(labels):
                return False
        return not self._unless or not any(matcher.matches(labels) for matcher in self._unless)

    def missing(self, values: Mapping[str, float]) -> tuple[Condition, ...]:
        """Return its conditions on measurements that are not met."""
        return tuple([condition for condition in self._when if not condition.holds(values)])

    def holds(self, facts: Facts) -> bool:
        """Return whether it matches."""
        return self.concerns(facts.labels) and not self.missing(facts.values)

    def reasons(self, facts: Facts) -> list[str]:
        """Return a sentence for each condition: measured value against threshold, label with its value."""
        sentences = [condition.reason(facts.values, facts.scope) for condition in self._when]
        for matcher in self.matchers:
            value = facts.labels.get(matcher.name, "")
            sentences.append(f"{matcher.name}={quoted(value)}" if matcher.positive and value else str(matcher))
        return sentences
