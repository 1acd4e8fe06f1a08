"""Turns changes of a ticket at its vendor into commands. Pure.

pipeline/response/ticket_sync.py queries the vendor.
"""

from __future__ import annotations

from typing import Any

from receiver.incident.paging.policy import Policy
from receiver.model.command import Acknowledge, AddNote, ChangeAction, Command, Resolve
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import ActionStatus
from receiver.model.incident.state import State
from receiver.model.incident.ticket import Ticket, TicketStatus


def commands_of_ticket(
    ticket: Ticket, before: Ticket | None, incident: Incident, policy: Policy, owner: str | None
) -> Command | None:
    """Return the command of a change of `ticket`; None if it has none.

    `before`: the ticket as it was last seen; None if it was not seen yet. The assignee of a new ticket may be the
    project's default, which no one chose. Only changes at the vendor count; otherwise changes that are still being sent
    there would be undone here. `owner`: the person whom its account belongs to; None if unknown.
    """
    was = before.progress if before else TicketStatus.NEW
    if ticket.moved is not None and ticket.moved is not (before.moved if before else None):
        # This service changed it since it was last read; a change at the vendor starts from that state.
        was = ticket.moved
    ended = ticket.progress is TicketStatus.DONE and was is not TicketStatus.DONE
    begun_again = was is TicketStatus.DONE and ticket.progress is not TicketStatus.DONE
    assigned = before is not None and ticket.account not in (None, before.account)
    if ticket.action is not None:
        return _item(ticket.action, incident, ended, begun_again, owner if assigned else None)
    return _whole(ticket, incident, policy, ended, assigned or ticket.progress is TicketStatus.BEGUN is not was, owner)


def _item(n: int, incident: Incident, ended: bool, begun_again: bool, owner: str | None) -> Command | None:
    item = next((one for one in incident.actions if one.n == n), None)
    if item is None:
        return None
    changes: dict[str, Any] = {}
    if ended and item.status is ActionStatus.OPEN:
        changes["status"] = ActionStatus.DONE
    elif begun_again and item.status is not ActionStatus.OPEN:
        changes["status"] = ActionStatus.OPEN
    if owner is not None and owner != item.owner:
        changes["owner"] = owner
    return ChangeAction(n=n, **changes) if changes else None


def _whole(
    ticket: Ticket, incident: Incident, policy: Policy, ended: bool, taken: bool, owner: str | None
) -> Command | None:
    who = f" (assigned to {owner})" if owner else ""
    if ended and not incident.state.over:
        # An incident that only has a ticket ends with the ticket. A page is not answered by moving a ticket.
        if policy.called(incident).ticket:
            return Resolve(text=f"{ticket.key} is done{who}")
        return AddNote(text=f"{ticket.key} is done{who}; the incident stays open: resolve it if it is over")
    if taken and incident.state is State.OPEN:
        if policy.called(incident).ticket:
            return Acknowledge(text=f"{ticket.key} is in progress{who}")
        return AddNote(
            text=f"{ticket.key} is in progress{who}; paging continues: acknowledge the incident if someone is working "
            "on it"
        )
    return None
