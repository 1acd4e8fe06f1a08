"""Conditions of a rule on measurements: `error_rate > 5%`, `scope >= all_users`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from receiver.triage.measurements.scope import rank_of, unknown_word
from receiver.triage.measurements.units import WRITTEN, Unit, Unreadable, parse_quantity, written
from receiver.triage.safe_text import nearest, quoted

SCOPE = "scope"
"""The only name in a condition that is not a measurement."""
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_SHAPE = re.compile(r"\s*([^\s<>=!~]+)\s*([<>=!~]+)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `scope` is also compared as a number: the widest word is the greatest."""

    name: str
    comparison: str
    threshold: float
    right: str
    """The right-hand side as it was written."""
    unit: Unit | None
    """None for `scope`."""

    def holds(self, values: Mapping[str, float]) -> bool:
        """Return whether it is met; a missing measurement meets no comparison, including `!=`."""
        value = values.get(self.name)
        return value is not None and COMPARISONS[self.comparison](value, self.threshold)

    def met(self) -> float | None:
        """Return the value closest to the threshold that meets it; None if none is known.

        For `scope` it may be a rank that no word has: the caller has to check that.
        """
        if self.comparison in (">=", "<=", "=="):
            return self.threshold
        if self.comparison == "!=":
            return None
        up = self.comparison == ">"
        if self.unit is None:
            return self.threshold + (1 if up else -1)
        if self.threshold == (math.inf if up else 0.0):
            return None
        return math.nextafter(self.threshold, math.inf if up else 0.0)

    def reason(self, values: Mapping[str, float], scope: str | None) -> str:
        """Return the sentence for a condition that is met: `error_rate 7.3% > 5%`, `scope is single_tenant`."""
        if self.unit is None:
            same = scope == self.right
            return f"scope is {scope}" if same else f"scope {scope} {self.comparison} {self.right}"
        value = values[self.name]
        shown = written(value, self.unit)
        if value != self.threshold and shown == written(self.threshold, self.unit):
            # If it were rounded, 5.00001% > 5% would become 5% > 5%.
            shown = written(value, self.unit, 0)
        return f"{self.name} {shown} {self.comparison} {self.right}"

    def __str__(self) -> str:
        return f"{self.name} {self.comparison} {self.right}"


def parse_condition(text: str, units: Mapping[str, Unit | None], order: tuple[str, ...]) -> Condition:
    """Return the condition in `text`.

    Args:
        text: such as `error_rate > 5%`.
        units: every measurement's unit; None for one with invalid settings, of which only the name is checked.
        order: the words of scope, widest first.

    Raises ValueError with a correction for an unknown measurement, comparison, scope or quantity.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError(
            f"{quoted(text, 80)} is not a condition; write NAME COMPARISON VALUE, as in error_rate > 5%"
            " or scope >= many_users (conditions on labels belong in `matchers`)"
        )
    name, comparison, right = shape.groups()
    if comparison not in COMPARISONS:
        raise ValueError(f"{quoted(comparison)} is not a comparison; use one of {' '.join(COMPARISONS)}")
    if name == SCOPE:
        if right not in order:
            raise ValueError(unknown_word(right, order))
        return Condition(name, comparison, rank_of(order)[right], right, None)
    if name not in units:
        raise ValueError(f"{quoted(name)} is not a measurement{nearest(name, [*units, SCOPE])}")
    unit = units[name]
    if unit is None:
        return Condition(name, comparison, 0.0, right, Unit.FACTOR)
    try:
        return Condition(name, comparison, parse_quantity(right, unit), right, unit)
    except Unreadable as error:
        raise ValueError(f"the value of {name} (unit {unit.value}): {error}; write {WRITTEN[unit]}") from None
