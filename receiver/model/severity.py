"""SEV-1..SEV-4, and the record of why one was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from receiver.model.base import Frozen


class Severity(StrEnum):
    """How bad it is; SEV-1 is the worst (the seed's severity levels)."""

    SEV1 = "SEV-1"
    SEV2 = "SEV-2"
    SEV3 = "SEV-3"
    SEV4 = "SEV-4"

    @property
    def rank(self) -> int:
        """1 for SEV-1 up to 4 for SEV-4: the smaller, the worse."""
        return int(self.value[-1])

    def worse_than(self, other: Severity) -> bool:
        """Return whether this is strictly more severe than `other`."""
        return self.rank < other.rank


def worst(severities: Iterable[Severity]) -> Severity | None:
    """Return the most severe of them; None when there are none."""
    return min(severities, key=lambda severity: severity.rank, default=None)


class Decision(Frozen):
    """Why an alert, or an incident, has its severity (surfaces.md, `decision`)."""

    severity: Severity
    rule: str
    """Name of the rule that won; `otherwise` when none held, `person` when somebody set it."""
    reasons: tuple[str, ...] = ()
    """Each condition with the measured value against its threshold, as `error_rate 7.3% > 5%`."""
    scope: str | None = None
    capped_by: str | None = None
    rules_hash: str = ""
    next_worse: str | None = None
    """What would have made it one step worse, in words."""
    measured: dict[str, float] = {}
    """The measurements that were read, in their base unit (ratio, seconds, factor)."""
