"""The severities that a Prometheus alert rule may get, for all results of its templates. Pure.

A template is evaluated only when the alert fires. If it uses the value of the expression, every value that could make a
difference to the rules is tried; values from labels of the series are unknown and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from receiver.model.alert.alert import Alert, AlertStatus, cut
from receiver.model.severity import Decision, Severity
from receiver.triage.rules.rule_set import RuleSet
from receiver.triage.rules.rules_file import word_key

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_VALUE = re.compile(r"\$value\b|\.Value\b")
_QUOTED = re.compile(r"\"([^\"]*)\"")
_LABELS = re.compile(r"\{\{[^}]*\$labels\.\w+\s*(\||\}\})")
"""A label of the series that a template prints."""
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(%|ms|s|m|h)?")
_IN_BASE = {"%": 0.01, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
MOST = 500
"""Maximum number of values that are tried for one alert rule."""


@dataclass(frozen=True)
class Possible:
    """One decision that the alert rule may get."""

    decision: Decision
    value: float | None
    """The smallest tried value of its expression with this result; None if the value does not matter."""
    given: str | None = None
    """The value of the severity label, if its template is evaluated only when the alert fires."""


@dataclass(frozen=True)
class Spectrum:
    """Every decision that an alert rule may get, worst first."""

    possible: tuple[Possible, ...]
    unknown: tuple[str, ...]
    """Names of labels and annotations that depend on the series."""


def spectrum(rules: RuleSet, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Spectrum:
    """Return what an alert rule with these labels and annotations may get; `labels` has its alertname."""
    # Limited like those of an alert: an unclosed template is searched again from each of its beginnings.
    labels, annotations = cut(dict(labels)), cut(dict(annotations))
    unknown = [name for name, text in (*labels.items(), *annotations.items()) if _of_series(text)]
    fixed = {name: text for name, text in labels.items() if not _of_series(text)}
    noted = {name: text for name, text in annotations.items() if not _of_series(text)}
    open_ended = any(_TEMPLATE.search(text) for text in (*fixed.values(), *noted.values()))
    label = rules.settings.otherwise.label
    words = _words(rules, labels[label]) if label in labels and label not in fixed else (None,)
    found: dict[tuple[object, ...], Possible] = {}
    for value, word in product(_tried(rules) if open_ended else [None], words):
        given = {} if word is None else {label: word}
        alert = Alert(
            status=AlertStatus.FIRING,
            labels={name: _filled(text, value) for name, text in fixed.items()} | given,
            annotations={name: _filled(text, value) for name, text in noted.items()},
        )
        (decision,) = rules.decide([alert])
        key = (decision.severity, decision.rule, decision.capped_by)
        found.setdefault(key, Possible(decision, value, None if words == (None,) else word))
    possible = sorted(found.values(), key=lambda one: (one.decision.severity.rank, one.decision.rule, one.value or 0))
    if len({one.value for one in possible}) == 1 or len(possible) == 1:
        possible = [replace(one, value=None) for one in possible]
    return Spectrum(tuple(possible), tuple(unknown))


def _words(rules: RuleSet, template: str) -> tuple[str, ...]:
    """Return possible values of the severity label: the words of its template, else one for each severity, or none."""
    known = rules.settings.otherwise.words
    written = _TEMPLATE.sub(" ", template).split() + [
        quoted for match in _TEMPLATE.finditer(template) for quoted in _QUOTED.findall(match[1])
    ]
    named = [word for word in written if word_key(word) in {word_key(one) for one in known}]
    if named and not _LABELS.search(template):
        return tuple(dict.fromkeys(named))
    by_severity: dict[Severity, str] = {}
    for word, severity in known.items():
        by_severity.setdefault(severity, word)
    return (*by_severity.values(), "")


def _of_series(text: str) -> bool:
    return any(not _VALUE.search(match[1]) for match in _TEMPLATE.finditer(text))


def _filled(text: str, value: float | None) -> str:
    if value is None:
        return text
    number = value

    def fill(match: re.Match[str]) -> str:
        if "humanizePercentage" in match[1]:
            return f"{number * 100:.4g}%"
        if "humanizeDuration" in match[1]:
            return f"{number:.10f}".rstrip("0").rstrip(".") + "s"
        return f"{number:.10f}".rstrip("0").rstrip(".")

    return _TEMPLATE.sub(fill, text)


def _tried(rules: RuleSet) -> list[float]:
    # Just under, at and just over each threshold, as the written number and in its base unit.
    edges = {0.0, 1e6}
    for text in _conditions(rules):
        for match in _NUMBER.finditer(text):
            written = float(match[1])
            for edge in {written, written * _IN_BASE.get(match[2] or "", 1.0), written / 100}:
                edges |= {edge * 0.99, edge, edge * 1.01}
    return sorted(edges)[:MOST]


def _conditions(rules: RuleSet) -> Iterator[str]:
    for rule in rules.settings.rules:
        conditions: Iterable[object] = rule.when
        yield from (str(one) for one in conditions)
