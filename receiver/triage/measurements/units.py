"""Units of measurements, and quantities in the text of alerts: `7.3%`, `850ms`, `1.6x`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from enum import StrEnum

from receiver.triage.safe_text import quoted

_LONGEST = 64
"""Maximum length of a quantity: a longer text is prose."""

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
"""Enough digits for every sum of parts within 64 characters that a float can distinguish."""


class Unit(StrEnum):
    """The unit of a measurement: its base is a ratio (0.073), seconds (6.2) or a factor (1.6)."""

    RATIO = "ratio"
    SECONDS = "seconds"
    FACTOR = "factor"


WRITTEN = {
    Unit.RATIO: '"7.3%", "7.3 percent" or "0.073"',
    Unit.SECONDS: '"6.2s", "850ms", "1m30s" or "6.2"',
    Unit.FACTOR: '"1.6x" or "1.6"',
}
"""Examples of each unit, for error messages."""


class Unreadable(ValueError):
    """A text that is not a quantity of its unit; the message has the reason and the shortened text."""


def parse_quantity(text: str, unit: Unit) -> float:
    """Return the quantity in the base of its unit: a ratio, seconds (perhaps infinite) or a factor.

    Raises Unreadable for a decimal comma, NaN, an infinity (except "+Inf" seconds), a negative number, a bare ratio
    above 1, and everything that does not have the format in the header of the reference rules.
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
    if negative and value:  # "-0" is a rounded zero
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
    """Return a quantity as text: `7.3%`, `6.2s`, `1.6x`; rounded to about `digits` digits, 0 for exactly."""
    if math.isinf(value):
        return "+Inf"
    # The shortest text that parses to this float, with the point moved: a multiplication would round again.
    exact = _EXACT.scaleb(Decimal(repr(value)), Decimal(2 if unit is Unit.RATIO else 0))
    plain = not exact or Decimal("1e-4") <= exact < 10**digits
    number = f"{float(exact):.{digits}g}" if digits and plain else _shortest(exact)
    return number + {Unit.RATIO: "%", Unit.SECONDS: "s", Unit.FACTOR: "x"}[unit]


def _shortest(exact: Decimal) -> str:
    text = f"{exact:f}"
    if len(text) > 24:
        return f"{exact.normalize(_EXACT):e}".replace("e+", "e")
    return text.rstrip("0").rstrip(".") if "." in text else text
