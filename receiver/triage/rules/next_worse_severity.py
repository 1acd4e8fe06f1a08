"""Describes what would have made a decision one step worse; verified by trying it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from receiver.model.severity import Severity
from receiver.triage.rules.compiled_rule import Facts, Rule
from receiver.triage.rules.conditions import SCOPE
from receiver.triage.rules.rule_index import Near, RuleIndex
from receiver.triage.rules.rules_file import OTHERWISE, OtherwiseSettings, word_key

WORDS_SHOWN = 3
"""Values of the severity label that are named; others are counted."""


class Chosen(NamedTuple):
    """The decision of the raising rules, before any cap."""

    rule: Rule | None
    """None if no rule matched and the severity label, or the fallback, counts."""
    severity: Severity


def limited(severity: Severity, caps: Iterable[Rule]) -> Severity:
    """Return `severity` below all of `caps`."""
    for cap in caps:
        if severity.worse_than(cap.severity):
            severity = cap.severity
    return severity


def next_worse(
    chosen: Chosen,
    near: Iterable[Near],
    caps: list[Rule],
    facts: Facts,
    raising: RuleIndex,
    capping: RuleIndex,
    ranks: frozenset[float],
    otherwise: OtherwiseSettings,
) -> str | None:
    """Return what would have raised the severity by the smallest known step; None if there is none.

    Args:
        chosen: the decision of the raising rules.
        near: worse rules that lack only conditions on a scope or a measurement.
        caps: the caps that match.
        facts: those of the alert.
        raising: every raising rule, because one may use the severity label.
        capping: every cap, because others may match with another scope or measurement.
        ranks: the possible ranks of a scope.
        otherwise: the severity label and its possible values.
    """
    final = limited(chosen.severity, caps)
    who = OTHERWISE if chosen.rule is None else chosen.rule.name
    if final is not chosen.severity:
        return f"{who} {_without_caps(chosen.severity, caps, final)}"
    steps: list[tuple[tuple[int, int, int, int], str]] = []
    for place, item in enumerate(near):
        changed = _changed(item, facts, ranks)
        if changed is None:
            continue
        level = limited(item.rule.severity, capping.holding(changed))
        if level.worse_than(final):
            said = " and ".join(str(condition) for condition in item.lacking)
            order = (-level.rank, 0, len(item.lacking), place)
            steps.append((order, f"{item.rule.name} ({level.value}) if {said}"))
    if chosen.rule is None and (words := _worse_words(otherwise, final, facts, raising, capping)):
        level, listed = words
        steps.append(((-level.rank, 1, 0, 0), f"{OTHERWISE} ({level.value}) if {otherwise.label}={listed}"))
    return min(steps, default=(None, None))[1]


def _without_caps(severity: Severity, caps: Iterable[Rule], final: Severity) -> str:
    # All caps at this level apply: without one of them, the next would still match.
    binding = [cap for cap in caps if cap.severity is final]
    freed = limited(severity, [cap for cap in caps if cap.severity is not final])
    names = " and ".join(cap.name for cap in binding)
    return f"({freed.value}) if the cap{'s' if binding[1:] else ''} {names} did not apply"


def _changed(item: Near, facts: Facts, ranks: frozenset[float]) -> Facts | None:
    """Return the facts with which the rule would match, with minimal changes; None if there are none."""
    values = dict(facts.values)
    # Twice, for several conditions on one quantity: a later one may undo an earlier.
    for _ in range(2):
        for condition in item.rule.missing(values):
            met = condition.met()
            if met is None or (condition.name == SCOPE and met not in ranks):
                return None
            values[condition.name] = met
    return None if item.rule.missing(values) else Facts(facts.labels, values, None)


def _worse_words(
    otherwise: OtherwiseSettings, final: Severity, facts: Facts, raising: RuleIndex, capping: RuleIndex
) -> tuple[Severity, str] | None:
    """Return the smallest step that the severity label could cause, and the values that cause it."""
    reached: dict[str, Severity] = {}
    if otherwise.label not in raising.labels and otherwise.label not in capping.labels:
        # No rule matches for any value of the label, and the caps stay the same.
        caps = capping.holding(facts)
        reached = {word: limited(level, caps) for word, level in otherwise.words.items()}
    else:
        for word, level in otherwise.words.items():
            said = facts._replace(labels={**facts.labels, otherwise.label: word})
            if raising.judge(said)[0] is None:
                reached[word] = limited(level, capping.holding(said))
    worse = [level for level in reached.values() if level.worse_than(final)]
    if not worse:
        return None
    step = max(worse, key=lambda level: level.rank)
    # In the order of the map, which begins with the most common values; values with the same meaning are listed once.
    said_once = {word_key(word): word for word in reversed(reached) if reached[word] is step}
    listed = [f'"{word}"' for word in reversed(said_once.values())]
    more = [f"{len(listed) - WORDS_SHOWN} more"] if len(listed) > WORDS_SHOWN else []
    return step, " or ".join([*listed[:WORDS_SHOWN], *more])
