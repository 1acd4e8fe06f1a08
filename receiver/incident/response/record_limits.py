"""How many records of one kind an incident may have."""

from __future__ import annotations

from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition

MOST = 200
"""Maximum number of action items, of mitigations and of updates of one incident; notes are unlimited."""


def check_room(draft: Transition, what: str, count: int) -> None:
    """Raise IllegalCommand if the incident of `draft` already has `count` records and that is the maximum.

    `what`: the action that the message names.
    """
    if count >= MOST:
        raise IllegalCommand(draft.incident, what, f"there are {MOST} already")
