"""Warnings about valid rules files, for `receiver check-config`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from receiver.model.severity import Severity, worst
from receiver.triage.matchers import parse_matcher
from receiver.triage.measurements.scope import MANY_USERS, SINGLE_TENANT, rank_of
from receiver.triage.rules.conditions import SCOPE, Condition, parse_condition
from receiver.triage.rules.rules_file import RuleSettings, RulesSettings, word_key
from receiver.triage.safe_text import quoted


class Advice(NamedTuple):
    """A warning and its place."""

    path: tuple[str | int, ...]
    text: str


def advice(settings: RulesSettings) -> tuple[Advice, ...]:
    """Return the warnings on a valid rules file, in its order."""
    return (*_unused_measurements(settings), *_odd_rules(settings))


def _conditions(rule: RuleSettings, settings: RulesSettings) -> list[Condition]:
    units = {name: item.unit for name, item in settings.measurements.items()}
    return [parse_condition(text, units, settings.scope.order) for text in rule.when]


def _unused_measurements(settings: RulesSettings) -> Iterator[Advice]:
    used = {condition.name for rule in settings.rules for condition in _conditions(rule, settings)}
    for name in settings.measurements:
        if name not in used:
            yield Advice(("measurements", name), "no rule uses it, so it has no effect")


def _odd_rules(settings: RulesSettings) -> Iterator[Advice]:
    for place, rule in enumerate(settings.rules):
        path: tuple[str | int, ...] = ("rules", place)
        if not rule.when and not rule.matchers and not rule.unless:
            what = "caps" if rule.at_most else "decides"
            yield Advice(path, f"without conditions it {what} every alert; put a default under `otherwise`")
        if rule.at_most is Severity.SEV1:
            yield Advice((*path, "at_most"), "a cap at SEV-1 never limits anything")
        for key, texts in (("matchers", rule.matchers), ("unless", rule.unless)):
            for index, text in enumerate(texts):
                value = parse_matcher(text).value
                if len(value) > 1 and value[0] == value[-1] == "'":
                    yield Advice((*path, key, index), f"single quotes are part of {quoted(value)}; use double quotes")
        if settings.scope.tenant_label is not None:
            yield from _lowers_with_more(path, rule, settings)


def _lowers_with_more(path: tuple[str | int, ...], rule: RuleSettings, settings: RulesSettings) -> Iterator[Advice]:
    """One more tenant turns single_tenant into many_users: report rules that would then lower a severity."""
    ranks = rank_of(settings.scope.order)
    reach = [condition for condition in _conditions(rule, settings) if condition.name == SCOPE]
    alone = all(condition.holds({SCOPE: ranks[SINGLE_TENANT]}) for condition in reach)
    several = all(condition.holds({SCOPE: ranks[MANY_USERS]}) for condition in reach)
    # An author who writes SEV-1 to SEV-4 into an alert means exactly that severity, and no rule overrides it.
    words = [level for word, level in settings.otherwise.words.items() if not word_key(word).startswith("sev")]
    by_label = worst([settings.otherwise.fallback, *words])
    lowers = several and not alone if rule.at_most else alone and not several
    if rule.severity and several and not alone and by_label is not None:
        # It replaces `otherwise`, which may give a worse severity.
        lowers = by_label.worse_than(rule.severity)
    if lowers:
        yield Advice(
            (*path, "when"),
            "an alert of a second tenant could lower the severity here;"
            " raise with scope >= WORD and cap with scope == or <= WORD",
        )
