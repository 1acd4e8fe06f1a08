"""Measurements: named quantities read from an alert's text, each in one unit.

What cannot be read is said and decides nothing: a broken annotation never hides an alert and never pages for one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from receiver.model.alert.alert import Alert
from receiver.model.base import Frozen
from receiver.triage.matchers import MatcherText, parse_matcher
from receiver.triage.measurements.alert_fields import Source, SourceSettings, compile_sources
from receiver.triage.measurements.promql_query import Question
from receiver.triage.safe_text import quoted

_LONGEST = 64
"""Characters of a quantity: what is longer is prose."""
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
_PLAIN = re.compile(rf"({_NUMBER})")
_PERCENT = re.compile(rf"({_NUMBER})\s*(?:%|percent)", re.IGNORECASE)
_FACTOR = re.compile(rf"({_NUMBER})\s*[xX×]?")  # noqa: RUF001 - the sign of multiplication is in use
_SECONDS_IN: Mapping[str, Decimal] = {
    "ns": Decimal("1e-9"), "us": Decimal("1e-6"), "µs": Decimal("1e-6"), "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400),
    "w": Decimal(604800), "y": Decimal(31536000),
}  # fmt: skip
"""The units of Go's durations, and those of Prometheus above an hour (a year has 365 days)."""
_PART = re.compile(rf"({_NUMBER})\s*(ns|us|µs|μs|ms|s|m|h|d|w|y)\s*")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


_EXACT = Context(prec=400, traps=[])
"""Enough digits for every sum of parts within 64 characters that any float can tell from another."""


class Unit(StrEnum):
    """What a measurement is counted in: its base is a ratio (0.073), seconds (6.2) or a factor (1.6)."""

    RATIO = "ratio"
    SECONDS = "seconds"
    FACTOR = "factor"


WRITTEN = {
    Unit.RATIO: '"7.3%", "7.3 percent" or "0.073"',
    Unit.SECONDS: '"6.2s", "850ms", "1m30s" or "6.2"',
    Unit.FACTOR: '"1.6x" or "1.6"',
}
"""How a quantity of each unit is written, for the text of a mistake."""


class Unreadable(ValueError):
    """A text that is no quantity of its unit; the message says why, with the text cut short."""


def parse_quantity(text: str, unit: Unit) -> float:
    """Return the quantity in the base of its unit: a ratio, seconds (perhaps infinite) or a factor.

    Raises Unreadable for a comma decimal, NaN, an infinity (but "+Inf" seconds), a negative, a bare ratio above 1,
    and everything that is not written as the head of the reference rules says.
    """
    body = text.strip()
    shown = quoted(body)
    if not body:
        raise Unreadable("it is empty")
    if len(body) > _LONGEST:
        raise Unreadable(f"{shown} is longer than {_LONGEST} characters")
    if "," in body:
        raise Unreadable(f"{shown} has a comma; a decimal is written with a point")
    negative = body.startswith("-")
    if _INFINITE.fullmatch(body):
        if unit is Unit.SECONDS and not negative:
            return math.inf
        raise Unreadable(f"{shown} is not finite")
    value = _READERS[unit](body[1:].lstrip() if body[0] in "+-" else body, shown)
    if negative and value:  # "-0" is what rounding makes of nothing
        raise Unreadable(f"{shown} is negative")
    if math.isinf(value):
        raise Unreadable(f"{shown} is too large")
    return value


def _number(text: str, shift: int = 0) -> float:
    # Through Decimal, so that "7.3%" and "0.073" are the same float and a threshold is met exactly.
    return float(_EXACT.scaleb(Decimal(text), Decimal(shift)))


def _ratio(body: str, shown: str) -> float:
    if match := _PERCENT.fullmatch(body):
        return _number(match[1], -2)
    if match := _PLAIN.fullmatch(body):
        value = _number(match[1])
        if value > 1:
            raise Unreadable(f"{shown} is above 1 without a percent sign")
        return value
    raise Unreadable(f"{shown} is not a number")


def _seconds(body: str, shown: str) -> float:
    if match := _PLAIN.fullmatch(body):
        return _number(match[1])
    total, position = Decimal(0), 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            raise Unreadable(f"{shown} is not a duration")
        total = _EXACT.add(total, _EXACT.multiply(Decimal(part[1]), _SECONDS_IN[part[2]]))
        position = part.end()
    return float(total)


def _factor(body: str, shown: str) -> float:
    if match := _FACTOR.fullmatch(body):
        return _number(match[1])
    raise Unreadable(f"{shown} is not a number")


_READERS = {Unit.RATIO: _ratio, Unit.SECONDS: _seconds, Unit.FACTOR: _factor}


def written(value: float, unit: Unit, digits: int = 4) -> str:
    """Return a quantity as people write it: `7.3%`, `6.2s`, `1.6x`; rounded to about `digits` digits, 0 for exactly."""
    if math.isinf(value):
        return "+Inf"
    # The shortest text that reads back as this float, shifted by hand: a multiplication would round once more.
    exact = _EXACT.scaleb(Decimal(repr(value)), Decimal(2 if unit is Unit.RATIO else 0))
    plain = not exact or Decimal("1e-4") <= exact < 10**digits
    number = f"{float(exact):.{digits}g}" if digits and plain else _shortest(exact)
    return number + {Unit.RATIO: "%", Unit.SECONDS: "s", Unit.FACTOR: "x"}[unit]


def _shortest(exact: Decimal) -> str:
    text = f"{exact:f}"
    if len(text) > 24:
        return f"{exact.normalize(_EXACT):e}".replace("e+", "e")
    return text.rstrip("0").rstrip(".") if "." in text else text


class MeasurementSettings(Frozen):
    """A named quantity: its unit, and where it is read from."""

    unit: Unit = Field(description="`ratio`, `seconds` or `factor`: how texts are read and thresholds are written")
    sources: tuple[SourceSettings, ...] = Field(
        (),
        alias="from",
        description="Fields of an alert; the first that is present and can be read is used",
    )
    promql: str | None = Field(
        None,
        description="A query of Prometheus in the unit's base, asked where no field says it; `{{ label }}` within "
        "quotes stands for a label of the alert",
    )
    alerts: tuple[MatcherText, ...] = Field((), description="Alerts that `promql` is asked for; none: all")

    @field_validator("sources")
    @classmethod
    def _some(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        # Not `min_length`: it would be reported a second time for every source that is wrong by itself.
        if not sources:
            raise ValueError("give at least one source, as in [annotations.error_rate]")
        return sources

    @field_validator("promql")
    @classmethod
    def _asked(cls, promql: str | None) -> str | None:
        if promql is not None:
            Question(promql)
        return promql

    @model_validator(mode="after")
    def _read_somewhere(self) -> Self:
        if not self.sources and self.promql is None:
            raise ValueError("a measurement without a source (write from: [annotations.error_rate], or promql)")
        if self.alerts and self.promql is None:
            raise ValueError("alerts says what promql is asked for (write promql, or limit a source by its own alerts)")
        return self


class Reading(NamedTuple):
    """What a measurement found in one alert."""

    value: float | None
    """In the unit's base; None when no source had a readable text."""
    unreadable: tuple[str, ...] = ()
    """Why each source that was present could not be read."""


_ABSENT = Reading(None)


class Measurement:
    """A measurement ready to read alerts: `MeasurementSettings` with its sources compiled."""

    def __init__(self, name: str, settings: MeasurementSettings) -> None:
        self.name = name
        self.unit = settings.unit
        self.sources: tuple[Source, ...] = compile_sources(settings.sources)
        self.question = Question(settings.promql) if settings.promql is not None else None
        self._asked_for = tuple(parse_matcher(text) for text in settings.alerts)

    def ask(self, alert: Alert) -> str | None:
        """Return the query whose value this measurement is for `alert`; None where there is nothing to ask."""
        if self.question is None or not all(matcher.matches(alert.labels) for matcher in self._asked_for):
            return None
        return self.question.ask(alert.labels)

    @property
    def labels_asked(self) -> frozenset[str]:
        """The labels on which it depends whether there is a query to ask, and which one."""
        if self.question is None:
            return frozenset()
        return frozenset(self.question.labels) | {matcher.name for matcher in self._asked_for}

    def read(self, alert: Alert) -> Reading:
        """Return the value of the first source that is present and can be read, and what could not be."""
        unreadable: tuple[str, ...] = ()
        for source in self.sources:
            text = source.read(alert)
            if text is None:
                continue
            try:
                return Reading(parse_quantity(text, self.unit), unreadable)
            except Unreadable as error:
                unreadable += (f"{self.name} unreadable: {error}",)
        return Reading(None, unreadable) if unreadable else _ABSENT
