"""Errors for commands that the state of an incident does not allow, with the reason and the possible commands."""

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
"""The commands that are possible in each state."""


class ImpossibleCommand(Exception):
    """The command is impossible in any state: an unknown name, or no one to reach."""


class IllegalCommand(Exception):
    """The command is not possible now."""

    def __init__(self, incident: Incident, what: str, why: str, possible: Iterable[str] | None = None) -> None:
        """`what` was requested, `why` it is not possible; `possible`: the commands that are possible instead."""
        self.possible = tuple(possible if possible is not None else POSSIBLE[incident.state])
        self.state = incident.state
        super().__init__(f"cannot {what} {incident.label}: {why}")


def require_state(incident: Incident, what: str, states: Iterable[State]) -> None:
    """Raise IllegalCommand unless the incident is in one of `states`."""
    if incident.state not in states:
        possible = POSSIBLE[incident.state]
        raise IllegalCommand(incident, what, f"it is {incident.state} (possible: {', '.join(possible)})")


class InvalidField(ValueError):
    """A field of the command is invalid; `path` is the field."""

    def __init__(self, path: str, message: str) -> None:
        """`message` says which values are valid."""
        super().__init__(message)
        self.path = path
