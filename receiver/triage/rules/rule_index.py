"""An index of rules: each is stored under one of its requirements, so that most rules are never tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from receiver.triage.matchers import Matcher, Operator
from receiver.triage.regexes import Patterns, plain_words, selective
from receiver.triage.rules.compiled_rule import Facts, Rule
from receiver.triage.rules.conditions import Condition

_CROWD = 16
"""Number of rules under one label value above which their regular expressions are a better index."""

Filed = tuple[int, Rule]
"""A rule with its position in `Rule.order`, for sorting rules from several index entries."""


class Near(NamedTuple):
    """A rule that would match if these conditions were met, each on a scope or a measurement."""

    rule: Rule
    lacking: tuple[Condition, ...]


class RuleIndex:
    """Rules indexed by a label's value, else by a pattern on a label, else by a measurement; the rest is always tried.

    The cost of an alert grows with the rules that may match it, not with all rules; the result is the same.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        ordered = list(enumerate(sorted(rules, key=lambda rule: rule.order)))
        self.labels = frozenset(name for _, rule in ordered for name in rule.labels)
        """The labels that its rules use."""
        crowd = Counter(pair for _, rule in ordered for matcher in rule.matchers for pair in _pairs(matcher))
        measured = Counter(name for _, rule in ordered for name in rule.measured)
        self._values: dict[str, dict[str, list[Filed]]] = {}
        self._measured: dict[str, list[Filed]] = {}
        self._rest: list[Filed] = []
        patterns: dict[str, dict[Matcher, list[Filed]]] = {}
        for filed in ordered:
            key = _key(filed[1], crowd)
            if key is not None and (pairs := _pairs(key)):
                for name, value in pairs:
                    self._values.setdefault(name, {}).setdefault(value, []).append(filed)
            elif key is not None:
                patterns.setdefault(key.name, {}).setdefault(key, []).append(filed)
            elif filed[1].measured:
                rarest = min(filed[1].measured, key=lambda name: (measured[name], name))
                self._measured.setdefault(rarest, []).append(filed)
            else:
                self._rest.append(filed)
        self._patterns = {name: (Patterns(list(drawers)), list(drawers.values())) for name, drawers in patterns.items()}

    def candidates(self, facts: Facts) -> list[Rule]:
        """Return, in `Rule.order`, the rules that may match `facts`, including all that do."""
        found = list(self._rest)
        labels = facts.labels
        for name in labels.keys() & self._values.keys():
            found += self._values[name].get(labels[name], ())
        for name in labels.keys() & self._patterns.keys():
            patterns, drawers = self._patterns[name]
            for place in patterns.matching(labels[name]):
                found += drawers[place]
        for name in facts.values.keys() & self._measured.keys():
            found += self._measured[name]
        found.sort(key=_place)
        return [rule for _, rule in found]

    def judge(self, facts: Facts) -> tuple[Rule | None, list[Near]]:
        """Return the first match in `Rule.order`, and rules before it that lack only possible conditions."""
        near: list[Near] = []
        for rule in self.candidates(facts):
            if not rule.concerns(facts.labels):
                continue
            lacking = rule.missing(facts.values)
            if not lacking:
                return rule, near
            # A measurement that this alert lacks does not count as near; a scope can always be set.
            if all(condition.unit is None or condition.name in facts.values for condition in lacking):
                near.append(Near(rule, lacking))
        return None, near

    def holding(self, facts: Facts) -> list[Rule]:
        """Return all rules that match, in `Rule.order`."""
        return [rule for rule in self.candidates(facts) if rule.holds(facts)]


def _place(filed: Filed) -> int:
    return filed[0]


def _pairs(matcher: Matcher) -> list[tuple[str, str]]:
    """Return (label, value) for each value that a matcher accepts, if they can be listed; empty otherwise."""
    words: tuple[str, ...] | None = None
    if matcher.operator is Operator.EQUAL:
        # An absent label equals "", which cannot be indexed.
        words = (matcher.value,) if matcher.value else None
    elif matcher.operator is Operator.REGEX:
        words = plain_words(matcher.value)
    return [(matcher.name, word) for word in words or ()]


def _key(rule: Rule, crowd: Mapping[tuple[str, str], int]) -> Matcher | None:
    """Return the matcher under which `rule` has the fewest other rules; None if there is none."""
    weighed = []
    for matcher in rule.matchers:
        if pairs := _pairs(matcher):
            weighed.append((max(crowd[pair] for pair in pairs), matcher.name != "alertname", str(matcher), matcher))
        elif selective(matcher):
            weighed.append((_CROWD, matcher.name != "alertname", str(matcher), matcher))
    return min(weighed, key=lambda item: item[:3], default=(None,))[-1]
