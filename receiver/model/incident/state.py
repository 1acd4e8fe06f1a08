"""The states of an incident, and their phases."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of an incident."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def over(self) -> bool:
        """Whether no one needs to be paged for it anymore."""
        return self in (State.RESOLVED, State.CLOSED)


TAKEN = (State.ACKNOWLEDGED, State.IDENTIFIED)
"""States in which a person works on it."""


class Phase(StrEnum):
    """The phase of the process (docs/process.md)."""

    DETECT = "detect"
    TRIAGE = "triage"
    RESPOND = "respond"
    RESOLVE = "resolve"
    REVIEW = "review"


PHASE_OF = {
    State.OPEN: Phase.TRIAGE,
    State.ACKNOWLEDGED: Phase.RESPOND,
    State.IDENTIFIED: Phase.RESPOND,
    State.MONITORING: Phase.RESOLVE,
    State.RESOLVED: Phase.REVIEW,
    State.CLOSED: Phase.REVIEW,
}
