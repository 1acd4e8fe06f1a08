"""Reads a ticket that a search in Jira has found."""

from __future__ import annotations

from receiver.channels.atlassian import Body
from receiver.channels.jira import ticket_text as ticket
from receiver.channels.jira.api import category
from receiver.model.incident.ticket import Ticket, TicketStatus


def read_ticket(issue: Body) -> Ticket | None:
    """Return the ticket in `issue`, a response of Jira; None if this service did not create it."""
    key, fields = issue.get("key"), issue.get("fields")
    if not (isinstance(key, str) and isinstance(fields, dict)):
        return None
    labels = fields.get("labels")
    owner = ticket.whose([one for one in labels if isinstance(one, str)]) if isinstance(labels, list) else None
    status = fields.get("status")
    progress = category(status) if isinstance(status, dict) else None
    if owner is None:
        return None
    person = fields.get("assignee")
    account = (person.get("accountId") or person.get("name")) if isinstance(person, dict) else None
    return Ticket(
        key=key,
        uid=owner[0],
        action=owner[1],
        progress=progress or TicketStatus.NEW,
        account=account if isinstance(account, str) else None,
    )
