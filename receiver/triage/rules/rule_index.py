"""Which rules an alert may concern: each is filed under one thing that it asks for, so that most are never tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from receiver.triage.matchers import Matcher, Operator
from receiver.triage.regexes import Patterns, plain_words, selective
from receiver.triage.rules.compiled_rule import Facts, Rule
from receiver.triage.rules.conditions import Condition

_CROWD = 16
"""Rules under one value of a label, above which a regular expression of theirs finds them better."""

Filed = tuple[int, Rule]
"""A rule behind its place in `Rule.order`, so that what was found in several drawers sorts by it."""


class Near(NamedTuple):
    """A rule that would hold if these conditions did, each on a scope or on something that was measured."""

    rule: Rule
    lacking: tuple[Condition, ...]


class RuleIndex:
    """Rules filed by a label's value, else by a pattern on one, else by a measurement; the rest is always tried.

    What an alert costs grows with the rules that may hold for it, not with all; what comes out is the same.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        ordered = list(enumerate(sorted(rules, key=lambda rule: rule.order)))
        self.labels = frozenset(name for _, rule in ordered for name in rule.labels)
        """The labels that its rules look at."""
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
        """Return, in `Rule.order`, the rules that may hold for `facts`: every one that does is among them."""
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
        """Return the first rule in `Rule.order` that holds, and those before it that lack only what could be."""
        near: list[Near] = []
        for rule in self.candidates(facts):
            if not rule.concerns(facts.labels):
                continue
            lacking = rule.missing(facts.values)
            if not lacking:
                return rule, near
            # What this alert does not measure says nothing about how near it is; a scope can always be given.
            if all(condition.unit is None or condition.name in facts.values for condition in lacking):
                near.append(Near(rule, lacking))
        return None, near

    def holding(self, facts: Facts) -> list[Rule]:
        """Return all rules that hold, in `Rule.order`."""
        return [rule for rule in self.candidates(facts) if rule.holds(facts)]


def _place(filed: Filed) -> int:
    return filed[0]


def _pairs(matcher: Matcher) -> list[tuple[str, str]]:
    """Return (label, value) of each value that a matcher takes, when these can be listed; empty otherwise."""
    words: tuple[str, ...] | None = None
    if matcher.operator is Operator.EQUAL:
        # An absent label equals "": nothing to be found by.
        words = (matcher.value,) if matcher.value else None
    elif matcher.operator is Operator.REGEX:
        words = plain_words(matcher.value)
    return [(matcher.name, word) for word in words or ()]


def _key(rule: Rule, crowd: Mapping[tuple[str, str], int]) -> Matcher | None:
    """Return the matcher that finds `rule` with the fewest others beside it; None when none can."""
    weighed = []
    for matcher in rule.matchers:
        if pairs := _pairs(matcher):
            weighed.append((max(crowd[pair] for pair in pairs), matcher.name != "alertname", str(matcher), matcher))
        elif selective(matcher):
            weighed.append((_CROWD, matcher.name != "alertname", str(matcher), matcher))
    return min(weighed, key=lambda item: item[:3], default=(None,))[-1]
