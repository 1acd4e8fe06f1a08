"""The answer to a notification: the outcome of each part, and how a duplicate is recognized."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.severity import Severity
from receiver.store.incidents.known_incident import Seen

REPEATED = "duplicate"
"""The reason of a part that equals the last one of its group."""


@dataclass(frozen=True)
class PartResult:
    """The outcome of one part of a notification."""

    incident: str | None
    severity: Severity | None
    outcome: Outcome
    reason: str
    monitoring_until: datetime | None = None
    """When an incident whose alerts have all ended resolves automatically; None if it does not, or an alert fires."""


@dataclass(slots=True)
class Repetition:
    """How a duplicate is recognized: the store has `digests` as the last digests of its `groups`."""

    groups: tuple[str, ...]
    digests: tuple[str, ...]
    texts: list[str | None] = field(default_factory=list, compare=False)
    """The store's last response, and ..."""
    answer: Answer | None = field(default=None, compare=False)
    """... the answer built from it: the same object as long as the response is the same."""


@dataclass(frozen=True)
class Answer:
    """The outcome of a notification; `parts` has one entry for each incident that it was split into."""

    parts: tuple[PartResult, ...]
    repetition: Repetition | None = None
    """How a duplicate is recognized; None if each must be processed: heartbeats count, times depend on the arrival."""

    @property
    def foremost(self) -> PartResult:
        """The part of the most severe incident."""
        return min(self.parts, key=lambda said: said.severity.rank if said.severity else 9)


IGNORED = Answer((PartResult(None, None, Outcome.IGNORED, "nothing_to_say"),))


def repeated_part(last: Seen) -> PartResult:
    """Return the outcome of a part that repeats the `last` one of its group."""
    if not last.id:
        return PartResult(None, None, Outcome.IGNORED, REPEATED)
    # A severity that only a later version knows is left out of the answer; it is still a duplicate.
    severity = Severity(last.severity) if last.severity in list(Severity) else None
    return PartResult(last.id, severity, Outcome.DUPLICATE, REPEATED)
