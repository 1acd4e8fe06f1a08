"""The expression of an alert rule: finds the rule and its threshold. Pure.

The expression comes from Prometheus' own rules. The text of an alert selects one of them and is never used as a query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

LONGEST = 10_000
"""Maximum length of an expression."""
LARGEST = 1e100
"""Maximum value or threshold that is drawn: differences between larger ones may overflow."""
_THRESHOLD = re.compile(r"(?P<sign>>=|<=|==|!=|>|<)\s*(?P<number>[-+]?(?:[0-9]*\.)?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*$")
_QUOTED = re.compile(r"""\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`""")
_SETS = re.compile(r"\b(?:and|or|unless)\b", re.IGNORECASE)
_OPENING, _CLOSING = "([{", ")]}"


class Rule(Protocol):
    """An alert rule of Prometheus."""

    @property
    def query(self) -> str:
        """Its expression."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels that it adds to its alerts."""


class Compared(NamedTuple):
    """An expression and its comparison."""

    query: str
    """The measured part; the whole expression if it is not a comparison with a number."""
    sign: str = ""
    threshold: float | None = None


def rule_of(rules: Sequence[Rule], labels: Mapping[str, str], generator: str) -> Rule | None:
    """Return the rule that created an alert with `labels`, None if it is ambiguous.

    Of several rules with one name, it is the one whose own labels the alert has, and whose expression is in the alert's
    generatorURL.
    """
    fitting = [rule for rule in rules if all(_made(value, labels.get(name)) for name, value in rule.labels.items())]
    named = _query_in(generator)
    exact = [rule for rule in fitting if rule.query == named]
    different = {rule.query for rule in fitting}
    return exact[0] if exact else fitting[0] if len(different) == 1 else None


def compared(expression: str) -> Compared:
    """Return the comparison of an expression with a number, as in `a / b > 0.05`, or else the whole expression."""
    found = _THRESHOLD.search(expression) if len(expression) <= LONGEST else None
    if found is None:
        return Compared(expression)
    left, number = expression[: found.start()].strip(), float(found["number"])
    outside = _outside(left)
    # `and`, `or` and `unless` bind less tightly than a comparison: the number belongs only to the last part.
    if not left or not abs(number) < LARGEST or outside is None or _SETS.search(outside) or "#" in outside:
        return Compared(expression)
    return Compared(left, found["sign"], number)


def _outside(query: str) -> str | None:
    # The text outside brackets and quotation marks; None if the brackets do not match.
    depth, found = 0, []
    for character in _QUOTED.sub(" ", query):
        if character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif not depth:
            found.append(character)
        if depth < 0:
            return None
    return "".join(found) if not depth else None


def _made(template: str, value: str | None) -> bool:
    # A label of a rule may be a template, whose value is unknown here.
    return value == template or ("{{" in template and value is not None)


def _query_in(generator: str) -> str:
    try:
        return parse_qs(urlsplit(generator[:LONGEST]).query).get("g0.expr", [""])[0].strip()
    except ValueError:
        return ""
