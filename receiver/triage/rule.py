"""One compiled rule, and the index that finds the few rules that an alert may concern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from receiver.model.severity import Severity
from receiver.triage.conditions import Condition, parse_condition
from receiver.triage.foreign import quoted
from receiver.triage.matchers import Matcher, Operator, parse_matcher
from receiver.triage.measurements import Unit
from receiver.triage.rules_file import RuleSettings


class Facts(NamedTuple):
    """All that a rule may look at."""

    labels: Mapping[str, str]
    values: Mapping[str, float]
    """The measurements, and the rank of the scope."""
    scope: str | None


class Rule:
    """A rule ready to be tried. For a cap, `severity` is the level that it limits to."""

    def __init__(self, settings: RuleSettings, units: Mapping[str, Unit | None], order: tuple[str, ...]) -> None:
        self.name = settings.name
        self.caps = settings.at_most is not None
        level = settings.at_most or settings.severity
        assert level is not None, "RuleSettings has exactly one of the two"  # noqa: S101 - narrows the type
        self.severity: Severity = level
        self.rank = level.rank
        self._matchers = tuple(parse_matcher(text) for text in settings.matchers)
        self._unless = tuple(parse_matcher(text) for text in settings.unless)
        self._when: tuple[Condition, ...] = tuple(parse_condition(text, units, order) for text in settings.when)

    @property
    def order(self) -> tuple[int, int, str]:
        """Sorts rules so that the first that holds is the one that counts: most severe first, strictest cap first.

        Among equals the one with more conditions tells more; then its name, so that a file's order never matters.
        """
        conditions = len(self._matchers) + len(self._unless) + len(self._when)
        return (-self.rank if self.caps else self.rank, -conditions, self.name)

    @property
    def labels(self) -> set[str]:
        """The names of all labels that it looks at."""
        return {matcher.name for matcher in self._matchers + self._unless}

    @property
    def key(self) -> Matcher | None:
        """The equality that files this rule in an index, `alertname` by preference; None when it has none."""
        exact = [matcher for matcher in self._matchers if matcher.operator is Operator.EQUAL and matcher.value]
        return min(exact, key=lambda matcher: matcher.name != "alertname", default=None)

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Return whether its matchers, and none of its exceptions, hold for these labels."""
        for matcher in self._matchers:
            if not matcher.matches(labels):
                return False
        return not self._unless or not any(matcher.matches(labels) for matcher in self._unless)

    def missing(self, values: Mapping[str, float]) -> list[Condition]:
        """Return those of its conditions on what was measured that do not hold."""
        return [condition for condition in self._when if not condition.holds(values)]

    def reasons(self, facts: Facts) -> list[str]:
        """Return a sentence for each condition: measured value against threshold, label with its value."""
        sentences = [condition.reason(facts.values, facts.scope) for condition in self._when]
        for matcher in self._matchers:
            value = facts.labels.get(matcher.name, "")
            sentences.append(f"{matcher.name}={quoted(value)}" if matcher.positive and value else str(matcher))
        return sentences


class Near(NamedTuple):
    """A rule that would hold if one more condition did."""

    rule: Rule
    lacking: Condition


class RuleIndex:
    """Rules filed by one exact label, so that an alert meets those of its own name and the few without such a label."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._filed: dict[str, dict[str, list[tuple[int, Rule]]]] = {}
        self._rest: list[tuple[int, Rule]] = []
        for place, rule in enumerate(sorted(rules, key=lambda rule: rule.order)):
            key = rule.key
            drawer = self._rest if key is None else self._filed.setdefault(key.name, {}).setdefault(key.value, [])
            drawer.append((place, rule))

    def judge(self, facts: Facts) -> tuple[Rule | None, list[Near]]:
        """Return the first rule in `Rule.order` that holds, and those before it that lack one condition only."""
        candidates = self._rest
        for label, drawers in self._filed.items():
            if found := drawers.get(facts.labels.get(label, "")):
                candidates = sorted(candidates + found, key=lambda filed: filed[0])
        near: list[Near] = []
        for _, rule in candidates:
            if not rule.concerns(facts.labels):
                continue
            missing = rule.missing(facts.values)
            if not missing:
                return rule, near
            if len(missing) == 1:
                near.append(Near(rule, missing[0]))
        return None, near
