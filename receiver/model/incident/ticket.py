"""A ticket at its vendor, for an incident or for one of its action items."""

from __future__ import annotations

from enum import StrEnum

from receiver.model.base import Kept


class TicketStatus(StrEnum):
    """The progress of a ticket: the categories that every workflow's states belong to (Jira API)."""

    NEW = "new"
    BEGUN = "indeterminate"
    DONE = "done"


class Ticket(Kept):
    """One ticket that this service created."""

    key: str
    """Its key at the vendor."""
    uid: str
    """The uid of its incident."""
    action: int | None = None
    """The number of its action item; None: it is the incident's own."""
    progress: TicketStatus
    account: str | None = None
    """The vendor's id of the assignee."""
    moved: TicketStatus | None = None
    """The last state that this service set; None: none so far."""
