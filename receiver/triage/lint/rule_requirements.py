"""What a rule demands of an alert, so that rules can be compared: what excludes what, and what follows from what.

An answer is given only where it is certain. Two regular expressions that never hold together go unnoticed; nothing
is ever said of rules that can hold.
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
"""Values with every printable character: a pattern that takes them all takes every value that anybody writes."""


@lru_cache(maxsize=1024)
def takes_anything(matcher: Matcher) -> bool:
    """Return whether the regular expression of `matcher` matches every value that is there, as `.*` and `.+` do."""
    pattern = Matcher(matcher.name, Operator.REGEX, matcher.value)
    return all(pattern.matches({matcher.name: text}) for text in _SOMETHING)


def is_regex(matcher: Matcher) -> bool:
    """Return whether `matcher` holds a regular expression."""
    return matcher.operator in (Operator.REGEX, Operator.NOT_REGEX)


def matches_everything(matcher: Matcher) -> bool:
    """Return whether its regular expression matches every value, a label that is absent included."""
    return is_regex(matcher) and takes_anything(matcher) and _pattern_takes(matcher, "")


def negated(matcher: Matcher) -> Matcher:
    """Return the matcher that holds exactly where `matcher` does not."""
    return Matcher(matcher.name, _NEGATED[matcher.operator], matcher.value)


def exclude(matchers: Sequence[Matcher]) -> bool:
    """Return whether no alert can satisfy all of `matchers`."""
    return any(_empty(group) for group in _by_label(matchers).values())


def follows(matcher: Matcher, given: Sequence[Matcher]) -> bool:
    """Return whether `matcher` holds for every alert that satisfies all of `given`."""
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
        # A few values are all that it can be: each can be tried.
        return not any(_all_take(group, value) for value in min(listed, key=len))
    if any(negated(matcher) in group for matcher in group):
        return True
    # Without values to try: a pattern that leaves nothing, or nothing but what another excludes.
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
    """Return whether `condition` holds for every alert that satisfies all of `given`; unknown holds for nothing."""
    same = [one for one in given if one.name == condition.name]
    values = _samples([*same, condition], ranks)
    return bool(same) and all(_holds([condition], value) for value in values if _holds(same, value))


def _holds(conditions: Iterable[Condition], value: float) -> bool:
    return all(condition.holds({condition.name: value}) for condition in conditions)


def _samples(conditions: Sequence[Condition], ranks: frozenset[float]) -> Iterable[float]:
    if any(condition.unit is None for condition in conditions):
        return ranks
    # Between two neighbouring thresholds every value answers alike: the thresholds and what lies between are enough.
    marks = sorted({0.0, *(condition.threshold for condition in conditions)})
    finite = [mark for mark in marks if mark != float("inf")]
    between = [(low + high) / 2 for low, high in pairwise(finite)]
    endless = [float("inf")] if any(condition.unit is Unit.SECONDS for condition in conditions) else []
    return [*marks, *between, finite[-1] * 2 + 1, *endless]
