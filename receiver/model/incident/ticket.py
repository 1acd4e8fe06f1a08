"""A ticket as its vendor shows it: of an incident, or of one of its action items."""

from __future__ import annotations

from enum import StrEnum

from receiver.model.base import Kept


class TicketStatus(StrEnum):
    """How far a ticket is: the categories under which every workflow has its states (contracts: jira, section 4)."""

    NEW = "new"
    BEGUN = "indeterminate"
    DONE = "done"


class Ticket(Kept):
    """One ticket of ours."""

    key: str
    """What the vendor calls it."""
    uid: str
    """The uid of its incident."""
    action: int | None = None
    """The number of its action item; None: it is the incident's own."""
    progress: TicketStatus
    account: str | None = None
    """The vendor's id of the assignee."""
    moved: TicketStatus | None = None
    """The last state that this service set; None: none so far."""
