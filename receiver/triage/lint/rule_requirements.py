"""The requirements of rules, for comparing them: finds contradictions and implications.

Only certain results are reported. Two regular expressions that exclude each other are not detected; a rule that can
match is never reported.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from receiver.triage.matchers import Matcher, Operator
from receiver.triage.measurements.units import Unit
from receiver.triage.regexes import plain_words
from receiver.triage.rules.conditions import Condition

_NEGATED = {
    Operator.EQUAL: Operator.NOT_EQUAL,
    Operator.NOT_EQUAL: Operator.EQUAL,
    Operator.REGEX: Operator.NOT_REGEX,
    Operator.NOT_REGEX: Operator.REGEX,
}
_SOMETHING = (
    *string.printable.strip(), *(f"some{character}thing" for character in string.printable.strip()),
    "a b", "0", "2026-11-23", "Kühlung", "\u2603", "10.0.0.1:9090", "x" * 500,
)  # fmt: skip
"""Values with every printable character: a pattern that matches them all matches every realistic value."""


@lru_cache(maxsize=1024)
def takes_anything(matcher: Matcher) -> bool:
    """Return whether the regular expression of `matcher` matches every value that is not empty, like `.*` and `.+`."""
    pattern = Matcher(matcher.name, Operator.REGEX, matcher.value)
    return all(pattern.matches({matcher.name: text}) for text in _SOMETHING)


def is_regex(matcher: Matcher) -> bool:
    """Return whether `matcher` has a regular expression."""
    return matcher.operator in (Operator.REGEX, Operator.NOT_REGEX)


def matches_everything(matcher: Matcher) -> bool:
    """Return whether its regular expression matches every value, including a missing label."""
    return is_regex(matcher) and takes_anything(matcher) and _pattern_takes(matcher, "")


def negated(matcher: Matcher) -> Matcher:
    """Return the negation of `matcher`."""
    return Matcher(matcher.name, _NEGATED[matcher.operator], matcher.value)


def exclude(matchers: Sequence[Matcher]) -> bool:
    """Return whether no alert can satisfy all of `matchers`."""
    return any(_empty(group) for group in _by_label(matchers).values())


def follows(matcher: Matcher, given: Sequence[Matcher]) -> bool:
    """Return whether `matcher` matches every alert that satisfies all of `given`."""
    same = [one for one in given if one.name == matcher.name]
    return matcher in same or _empty([*same, negated(matcher)])


def _by_label(matchers: Iterable[Matcher]) -> Mapping[str, list[Matcher]]:
    found: dict[str, list[Matcher]] = {}
    for matcher in matchers:
        found.setdefault(matcher.name, []).append(matcher)
    return found


def _empty(group: list[Matcher]) -> bool:
    """Return whether no value satisfies all of these matchers on one label."""
    listed = [words for matcher in group if (words := _values(matcher)) is not None]
    if listed:
        # Only a few values are possible, so each is tried.
        return not any(_all_take(group, value) for value in min(listed, key=len))
    if any(negated(matcher) in group for matcher in group):
        return True
    # Without values to try: a pattern that leaves nothing, or only values that another excludes.
    left = [matcher for matcher in group if matcher.operator is Operator.NOT_REGEX and takes_anything(matcher)]
    return bool(left) and not _all_take(group, "")


def _values(matcher: Matcher) -> tuple[str, ...] | None:
    if matcher.operator is Operator.EQUAL:
        return (matcher.value,)
    return plain_words(matcher.value) if matcher.operator is Operator.REGEX else None


def _all_take(group: Iterable[Matcher], value: str) -> bool:
    return all(matcher.matches({matcher.name: value}) for matcher in group)


def _pattern_takes(matcher: Matcher, value: str) -> bool:
    return Matcher(matcher.name, Operator.REGEX, matcher.value).matches({matcher.name: value})


def quantities_exclude(conditions: Sequence[Condition], ranks: frozenset[float]) -> bool:
    """Return whether no value satisfies all of `conditions`, which are on one quantity; `ranks` are those of scope."""
    return not any(_holds(conditions, value) for value in _samples(conditions, ranks))


def quantity_follows(condition: Condition, given: Sequence[Condition], ranks: frozenset[float]) -> bool:
    """Return whether `condition` holds for every alert that satisfies all of `given`; unknown values satisfy none."""
    same = [one for one in given if one.name == condition.name]
    values = _samples([*same, condition], ranks)
    return bool(same) and all(_holds([condition], value) for value in values if _holds(same, value))


def _holds(conditions: Iterable[Condition], value: float) -> bool:
    return all(condition.holds({condition.name: value}) for condition in conditions)


def _samples(conditions: Sequence[Condition], ranks: frozenset[float]) -> Iterable[float]:
    if any(condition.unit is None for condition in conditions):
        return ranks
    # Between two adjacent thresholds every value gives the same result, so it is enough to test one of them.
    marks = sorted({0.0, *(condition.threshold for condition in conditions)})
    finite = [mark for mark in marks if mark != float("inf")]
    between = [(low + high) / 2 for low, high in pairwise(finite)]
    endless = [float("inf")] if any(condition.unit is Unit.SECONDS for condition in conditions) else []
    return [*marks, *between, finite[-1] * 2 + 1, *endless]
