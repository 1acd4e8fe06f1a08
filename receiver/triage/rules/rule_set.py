"""Applies severity rules to the firing alerts of a notification, and returns a decision with reasons for each.

The most severe matching rule decides, and the strictest matching cap limits it, so order never matters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from receiver.model.alert.alert import Alert
from receiver.model.severity import Decision, Severity
from receiver.triage.measurements.measurements import Measurement
from receiver.triage.measurements.scope import Scope
from receiver.triage.rules.compiled_rule import Facts, Rule
from receiver.triage.rules.conditions import SCOPE
from receiver.triage.rules.next_worse_severity import Chosen, limited, next_worse
from receiver.triage.rules.rule_index import RuleIndex
from receiver.triage.rules.rules_file import OTHERWISE, OtherwiseSettings, RulesSettings, word_key
from receiver.triage.safe_text import quoted

__all__ = ["OTHERWISE", "Decided", "RuleSet", "RulesSettings", "Unknown", "verdict"]


KNOWN_AT_MOST, KNOWN_CHARACTERS = 1024, 2000
"""Maximum number of cached decisions, and of characters that each may depend on; above it, all are dropped. One takes
about 1.2 KB."""

Answers = Mapping[str, float | str]
"""The results of queries for one alert, by measurement; a text is the reason for a missing result."""
NOTHING: Answers = {}


class Unknown(NamedTuple):
    """A value in an alert that the rules could not use (`severity_unknowns_total{kind}`)."""

    kind: str
    """One of `receiver.model.alert.severity_unknowns.KINDS` except `service`: a small set for a metric's label."""
    text: str


class Decided(NamedTuple):
    """A decision, and the inputs that it could not use."""

    decision: Decision
    unknowns: tuple[Unknown, ...]


class RuleSet:
    """A compiled rules file; its caches only save time."""

    def __init__(self, settings: RulesSettings) -> None:
        self.settings = settings
        self.hash = _hash(settings)
        """16 hex digits of the content; the order of rules, which never matters, does not change it."""
        measurements = [Measurement(name, item) for name, item in sorted(settings.measurements.items())]
        self._measurements = measurements
        self._scope = Scope(settings.scope)
        units = {measurement.name: measurement.unit for measurement in measurements}
        rules = [Rule(item, units, settings.scope.order) for item in settings.rules]
        self._raising = RuleIndex(rule for rule in rules if not rule.caps)
        self._capping = RuleIndex(rule for rule in rules if rule.caps)
        self._asking = RuleIndex(rule for rule in rules if not rule.caps and rule.matchers and rule.measured)
        self._everything = {measurement.name: 0.0 for measurement in measurements}
        self._otherwise = settings.otherwise
        self._words = {word_key(word): level for word, level in settings.otherwise.words.items()}
        sources = [source for item in measurements for source in item.sources] + list(self._scope.sources)
        self._annotations = tuple(source for source in sources if source.annotation)
        self._annotation_names = frozenset(source.name for source in self._annotations)
        self._texts_read = tuple(source.name for source in self._annotations)
        self._for_some = tuple(index for index, source in enumerate(self._annotations) if source.alerts)
        """Those that apply only to certain alerts."""
        self._nothing_read: tuple[str | None, ...] = (None,) * len(self._annotations)
        read = {matcher.name for source in sources for matcher in source.alerts}
        read |= {source.name for source in sources if not source.annotation}
        read |= {label for item in measurements for label in item.labels_asked}
        read |= {name for rule in rules for name in rule.labels} | {settings.otherwise.label}
        self._labels_read = tuple(sorted(read | {settings.scope.tenant_label or settings.otherwise.label}))
        self._known: dict[tuple[object, ...], Decided] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a decision's `rule` or `capped_by` may have, sorted, `otherwise` last."""
        return (*sorted(rule.name for rule in self.settings.rules), OTHERWISE)

    def decide(self, alerts: Sequence[Alert], *, partial: bool = False) -> list[Decision]:
        """Return a decision for each of `alerts`, in their order: the firing ones of one notification.

        `partial`: see `examine`.
        """
        return [decided.decision for decided in self.examine(alerts, partial=partial)]

    @property
    def asks(self) -> bool:
        """Whether some measurement has a query."""
        return any(measurement.question is not None for measurement in self._measurements)

    def questions(self, alert: Alert) -> dict[str, str]:
        """Return the queries for `alert`, by measurement, for values that none of its fields has."""
        found: dict[str, str] = {}
        for measurement in self._measurements:
            query = measurement.ask(alert)
            if query is not None and measurement.read(alert).value is None:
                found[measurement.name] = query
        return found

    def examine(
        self, alerts: Sequence[Alert], asked: Mapping[str, Answers] | None = None, *, partial: bool = False
    ) -> list[Decided]:
        """Return the same as `decide`, each with unreadable or unknown inputs, for the log and the metric.

        `asked`: the results of queries, by fingerprint and measurement; a text is the reason for a missing one.
        `partial`: the notification was truncated: the number of tenants is unknown, and counting them caps nothing.
        """
        tenants = self._scope.tenants(alerts)
        # In a storm thousands of alerts are equal for the rules, and senders repeat refused ones: decisions are cached.
        # Threads may use the cache at the same time, because each operation on the table is atomic.
        kept, known = self._known, dict[tuple[object, ...], Decided]()
        read = self._labels_read
        decisions: list[Decided] = []
        last: tuple[object, ...] = ()
        for alert in alerts:
            said = asked.get(alert.fingerprint, NOTHING) if asked else NOTHING
            values, texts = tuple(map(alert.labels.get, read)), self._texts(alert)
            if last == (values, texts, said):
                # The alerts of a group are mostly equal to the previous one: a comparison is faster than a look-up.
                decisions.append(decisions[-1])
                continue
            last = values, texts, said
            # Only the number of tenants matters; the set would cost its size for each of their alerts.
            seen = (values, texts, tuple(said.items()), len(tenants), partial)
            decided = known.get(seen) or kept.get(seen)
            if decided is None:
                decided = known[seen] = self._decided(alert, tenants, said, partial)
                if _characters(values, texts, said) <= KNOWN_CHARACTERS:
                    if len(kept) >= KNOWN_AT_MOST:
                        kept = self._known = {}
                    kept[seen] = decided
            decisions.append(decided)
        return decisions

    def values_read(self, alert: Alert) -> tuple[str, ...]:
        """Return the raw annotation texts of this alert that the rules read, one per source, "" for none.

        Together with the labels (the fingerprint), a decision on one alert depends only on them.
        """
        return tuple([text or "" for text in self._texts(alert)])

    def _texts(self, alert: Alert) -> tuple[str | None, ...]:
        if self._annotation_names.isdisjoint(alert.annotations):
            return self._nothing_read
        # Read in one pass, and only present texts are checked, because this runs for each alert.
        texts = list(map(alert.annotations.get, self._texts_read))
        for index in self._for_some:
            if texts[index] is not None:
                texts[index] = self._annotations[index].read(alert)
        return tuple(texts)

    def _decided(self, alert: Alert, tenants: frozenset[str], said: Answers, partial: bool) -> Decided:
        values, unknowns = self._measured(alert, said)
        measured = dict(values)
        reach = self._scope.read(alert, tenants)
        unknowns += [Unknown("scope", text) for text in reach.unknown]
        if reach.word is not None:
            values[SCOPE] = self._scope.rank(reach.word)
        facts = Facts(alert.labels, values, reach.word)

        winner, near = self._raising.judge(facts)
        if winner is None:
            severity, reasons, unknown = _by_label(alert, self._otherwise, self._words)
            unknowns += unknown
        else:
            severity, reasons = winner.severity, winner.reasons(facts)
        # The alerts that are cut off may have a wider scope.
        seen = {name: value for name, value in values.items() if name != SCOPE}
        caps = self._capping.holding(Facts(alert.labels, seen, None) if partial and reach.counted else facts)
        final = limited(severity, caps)
        # The strictest comes first.
        cap = caps[0] if final is not severity else None
        if cap is not None:
            reasons.append(f"at most {final.value}: {', '.join(cap.reasons(facts)) or cap.name}")
        chosen = Chosen(winner, severity)
        nearest = next_worse(
            chosen, near, caps, facts, self._raising, self._capping, self._scope.ranks, self._otherwise
        )
        decision = Decision(
            severity=final,
            rule=OTHERWISE if winner is None else winner.name,
            reasons=(*reasons, *(item.text for item in unknowns)),
            scope=reach.word,
            scope_from=reach.origin,
            capped_by=cap.name if cap is not None else None,
            rules_hash=self.hash,
            next_worse=nearest,
            measured=measured,
        )
        return Decided(decision, (*unknowns, *self._missing(alert, measured, unknowns)))

    def _measured(self, alert: Alert, said: Answers) -> tuple[dict[str, float], list[Unknown]]:
        values: dict[str, float] = {}
        unknowns: list[Unknown] = []
        for measurement in self._measurements:
            reading = measurement.read(alert)
            if reading.value is not None:
                values[measurement.name] = reading.value
            elif (answer := said.get(measurement.name)) is not None:
                if isinstance(answer, str):
                    unknowns.append(Unknown("query", f"{measurement.name} could not be queried: {answer}"))
                else:
                    values[measurement.name] = answer
            unknowns += [Unknown("measurement", text) for text in reading.unreadable]
        return values, unknowns

    def _missing(self, alert: Alert, measured: Mapping[str, float], unknowns: Sequence[Unknown]) -> list[Unknown]:
        """Return the values that matchers of a rule or a source require of this alert and that are missing.

        A rule without matchers requires nothing: it is not a fault if an alert about a disk has no error rate.
        """
        wanted: dict[str, str] = {}
        for rule in self._asking.candidates(Facts(alert.labels, self._everything, None)):
            if rule.concerns(alert.labels):
                wanted |= {name: f"the rule {rule.name} uses it" for name in rule.measured if name != SCOPE}
        for measurement in self._measurements:
            for source in measurement.sources:
                if source.alerts and all(matcher.matches(alert.labels) for matcher in source.alerts):
                    wanted.setdefault(measurement.name, f"it is read from {source.text}")
        told = {item.text.split(" ", 1)[0] for item in unknowns if item.kind in ("measurement", "query")}
        asked = {item.name for item in self._measurements if item.name in wanted and item.ask(alert) is not None}
        lacking = sorted(wanted.keys() - measured.keys() - told - asked)
        return [Unknown("missing", f"{name} missing: {wanted[name]}") for name in lacking]


def _by_label(
    alert: Alert, settings: OtherwiseSettings, words: dict[str, Severity]
) -> tuple[Severity, list[str], list[Unknown]]:
    """Return the severity from the label, or the fallback, with the reason; no rule matched."""
    given = alert.labels.get(settings.label, "").strip()
    if not given:
        return settings.fallback, [f"no rule matched and there is no label {settings.label}: fallback"], []
    level = words.get(word_key(given))
    if level is None:
        text = f"{settings.label}={quoted(given)} is not in the map: fallback"
        return settings.fallback, ["no rule matched"], [Unknown("severity", text)]
    return level, [f"no rule matched: {settings.label}={quoted(given)} means {level.value}"], []


def _characters(values: Iterable[str | None], texts: Iterable[str | None], said: Answers) -> int:
    answers = sum(len(answer) if isinstance(answer, str) else 0 for answer in said.values())
    return sum(len(text or "") for text in (*values, *texts)) + answers


def verdict(decisions: Iterable[Decision]) -> Decision | None:
    """Return the decision of a notification: that of its worst alert; None without any.

    Among equally severe ones the choice does not depend on their order: uncapped first, a rule before `otherwise`,
    then by the rule's name, the one with the greatest measurements, and its words.
    """
    return min(decisions, key=_standing, default=None)


def _standing(decision: Decision) -> tuple[object, ...]:
    measured = sorted((name, -value) for name, value in decision.measured.items())
    return (
        decision.severity.rank,
        decision.capped_by is not None,
        decision.rule == OTHERWISE,
        decision.rule,
        -len(measured),
        measured,
        decision.scope or "",
        decision.scope_from or "",
        decision.reasons,
        decision.next_worse or "",
        decision.capped_by or "",
    )


def _hash(settings: RulesSettings) -> str:
    content = settings.model_dump(mode="json", by_alias=True)
    content["rules"].sort(key=lambda rule: rule["name"])
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
