"""The answer to a notification: what became of each of its parts, and how a repetition of it is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.severity import Severity
from receiver.store.incidents.known_incident import Seen

REPEATED = "duplicate"
"""The reason of a part that says what its group said last."""


@dataclass(frozen=True)
class PartResult:
    """What became of one part of a notification."""

    incident: str | None
    severity: Severity | None
    outcome: Outcome
    reason: str
    monitoring_until: datetime | None = None
    """When an incident whose alerts have all ended resolves by itself; None: it does not, or something fires."""


@dataclass(slots=True)
class Repetition:
    """By what a repetition of a notification is known: the store has `digests` as what its `groups` last said."""

    groups: tuple[str, ...]
    digests: tuple[str, ...]
    texts: list[str | None] = field(default_factory=list, compare=False)
    """What the store said the last time, and ..."""
    answer: Answer | None = field(default=None, compare=False)
    """... the answer that came of it: the same object as long as the store says the same."""


@dataclass(frozen=True)
class Answer:
    """What became of a notification; `parts` has one for each incident that it was split over."""

    parts: tuple[PartResult, ...]
    repetition: Repetition | None = None
    """By what a repetition is known; None where each must be read: heartbeats count, times depend on the arrival."""

    @property
    def foremost(self) -> PartResult:
        """The part that tells of the most severe incident."""
        return min(self.parts, key=lambda said: said.severity.rank if said.severity else 9)


IGNORED = Answer((PartResult(None, None, Outcome.IGNORED, "nothing_to_say"),))


def repeated_part(last: Seen) -> PartResult:
    """Return what becomes of a part whose group says again what it said `last`."""
    if not last.id:
        return PartResult(None, None, Outcome.IGNORED, REPEATED)
    # A severity that only a later version knows is left out of the answer: the repetition is one all the same.
    severity = Severity(last.severity) if last.severity in list(Severity) else None
    return PartResult(last.id, severity, Outcome.DUPLICATE, REPEATED)
