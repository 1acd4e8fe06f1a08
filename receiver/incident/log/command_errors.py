"""A command that the state of an incident does not allow, with the reason and what is possible."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State

POSSIBLE: dict[State, tuple[str, ...]] = {
    State.OPEN: ("acknowledge", "identify", "mitigate", "resolve", "escalate", "merge", "split"),
    State.ACKNOWLEDGED: ("acknowledge", "identify", "mitigate", "resolve", "escalate", "merge", "split"),
    State.IDENTIFIED: ("acknowledge", "mitigate", "resolve", "escalate", "merge", "split"),
    State.MONITORING: ("acknowledge", "resolve", "merge", "split"),
    State.RESOLVED: ("close", "reopen"),
    State.CLOSED: ("reopen",),
}
"""What moves an incident on from each state."""


class ImpossibleCommand(Exception):
    """What was asked for cannot be done, whatever the state: a name that nobody has, nobody to reach."""


class IllegalCommand(Exception):
    """The command cannot be done now."""

    def __init__(self, incident: Incident, what: str, why: str, possible: Iterable[str] | None = None) -> None:
        """`what` was wanted, `why` it cannot be; `possible` is what can be done instead."""
        self.possible = tuple(possible if possible is not None else POSSIBLE[incident.state])
        self.state = incident.state
        super().__init__(f"cannot {what} {incident.label}: {why}")


def require_state(incident: Incident, what: str, states: Iterable[State]) -> None:
    """Raise Illegal unless the incident is in one of `states`."""
    if incident.state not in states:
        possible = POSSIBLE[incident.state]
        raise IllegalCommand(incident, what, f"it is {incident.state} (possible: {', '.join(possible)})")


class InvalidField(ValueError):
    """What was asked for does not fit; `path` is the field."""

    def __init__(self, path: str, message: str) -> None:
        """`message` says what would be right."""
        super().__init__(message)
        self.path = path
