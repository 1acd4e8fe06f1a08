"""SEV-1 to SEV-4, and the record of a severity decision with its reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from receiver.model.base import Kept
from receiver.model.next_worse_severity_text import next_worse_severity_text

_MEANT = re.compile(r"(?:sev(?:erity)?[ _.-]*)?([1-4])", re.IGNORECASE)


class Severity(StrEnum):
    """The severity; SEV-1 is the worst."""

    SEV1 = "SEV-1"
    SEV2 = "SEV-2"
    SEV3 = "SEV-3"
    SEV4 = "SEV-4"

    rank: int
    """1 for SEV-1 up to 4 for SEV-4: lower is worse."""

    def __init__(self, value: str) -> None:
        """Store the rank, because it is read several times for each alert of a notification."""
        self.rank = int(value[-1])

    def worse_than(self, other: Severity) -> bool:
        """Return whether this is strictly more severe than `other`."""
        return self.rank < other.rank


def meant_severity(word: object) -> Severity | None:
    """Return the severity for `SEV4`, `sev_4` or 4; None for any other word."""
    found = _MEANT.fullmatch(str(word).strip())
    return Severity(f"SEV-{found[1]}") if found else None


def worst(severities: Iterable[Severity]) -> Severity | None:
    """Return the most severe of them; None if there are none."""
    return min(severities, key=lambda severity: severity.rank, default=None)


def _read(value: object) -> object:
    # null replaces an infinity that was written as a JSON number, which cannot be infinite.
    return math.inf if value is None or value == "+Inf" else value


def _write(value: float) -> float | str:
    return "+Inf" if math.isinf(value) else value


Measured = Annotated[float, BeforeValidator(_read), PlainSerializer(_write, when_used="json")]
"""A quantity in its base unit; in JSON an infinite one is the text `+Inf`, as Prometheus writes it."""


class Decision(Kept):
    """The reason for the severity of an alert or an incident."""

    severity: Severity
    rule: str
    """Name of the deciding rule; `otherwise` if none matched, `person` if a person set it."""
    reasons: tuple[str, ...] = ()
    """Each condition with the measured value against its threshold, as `error_rate 7.3% > 5%`."""
    scope: str | None = None
    scope_from: str | None = None
    """Where the scope was read: `label scope`, `annotation scope`, `label tenant`, `2 tenants counted in label tenant`;
    `none` if no source has it; None if no rule uses it."""
    capped_by: str | None = None
    rules_hash: str = ""
    next_worse: str | None = None
    """The condition that would have made it one step worse, as text."""
    measured: dict[str, Measured] = {}
    """The measurements, in their base unit (ratio, seconds, factor)."""

    @property
    def worse(self) -> str | None:
        """`next_worse` for people: if it depends only on a label, without the name of the entry `otherwise`."""
        return next_worse_severity_text(self.next_worse)

    @property
    def reach(self) -> str | None:
        """The scope and its source, for people; None if no rule uses it."""
        if self.scope is None:
            return "unknown" if self.scope_from else None
        return f"{self.scope} ({self.scope_from})" if self.scope_from else self.scope
