"""The effect of ticket changes on incidents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from receiver.incident.response.ticket_changes import commands_of_ticket
from receiver.model.command import Acknowledge, AddNote, ChangeAction, Command, Resolve
from receiver.model.incident.response_records import ActionItem, ActionStatus
from receiver.model.incident.state import State
from receiver.model.incident.ticket import Ticket, TicketStatus
from receiver.model.severity import Severity
from tests.channels.notices import NOW, incident
from tests.incident.fixtures import DIRECTORY, POLICY, severity

LOW = severity().model_copy(update={"ticket": True})
TICKETS = replace(POLICY, directory=replace(DIRECTORY, severities={**DIRECTORY.severities, Severity.SEV4: LOW}))


def ticket(progress: TicketStatus = TicketStatus.NEW, **changes: Any) -> Ticket:
    return Ticket(**{"key": "OPS-1", "uid": "uid-0001", "progress": progress, **changes})


def meant(now: Ticket, before: Ticket | None = None, owner: str | None = None, **state: Any) -> Command | None:
    known = {"severity": Severity.SEV4, **state}
    return commands_of_ticket(now, before, incident(**known), TICKETS, owner)


def item(**changes: Any) -> ActionItem:
    values: dict[str, Any] = {"n": 1, "title": "Add an index", "owner": "alice", "by": "bob", "at": NOW}
    return ActionItem(**{**values, **changes})


def test_a_change_of_theirs_begins_where_it_was_taken_from_here() -> None:
    taken = ticket(TicketStatus.DONE, action=1, moved=TicketStatus.DONE)
    assert meant(taken, ticket(action=1), actions=(item(),)) is None
    again = ticket(TicketStatus.NEW, action=1, moved=TicketStatus.DONE)
    assert meant(again, ticket(action=1), actions=(item(status=DONE),)) == ChangeAction(n=1, status=OPEN)
    closed = ticket(TicketStatus.DONE, action=1, moved=TicketStatus.DONE)
    assert meant(closed, again, actions=(item(),)) == ChangeAction(n=1, status=DONE)


def test_whom_a_project_gives_new_tickets_to_has_taken_nothing() -> None:
    assert meant(ticket(account="acc-lead"), owner="lead") is None
    assert meant(ticket(action=1, account="acc-lead"), owner="lead", actions=(item(),)) is None


def test_a_page_is_not_answered_by_tidying_up_a_board() -> None:
    for now in (ticket(TicketStatus.BEGUN), ticket(account="acc-a")):
        noted = meant(now, ticket(), owner="alice", severity=Severity.SEV1)
        assert isinstance(noted, AddNote)
        assert noted.text.startswith("OPS-1 is in progress (assigned to alice); paging continues: acknowledge the")


DONE, OPEN = ActionStatus.DONE, ActionStatus.OPEN


@pytest.mark.parametrize(
    ("before", "now", "status", "expected"),
    [
        (None, TicketStatus.DONE, OPEN, DONE),
        (TicketStatus.BEGUN, TicketStatus.DONE, OPEN, DONE),
        (TicketStatus.DONE, TicketStatus.DONE, OPEN, None),
        (None, TicketStatus.DONE, DONE, None),
        (TicketStatus.DONE, TicketStatus.NEW, DONE, OPEN),
        (TicketStatus.DONE, TicketStatus.BEGUN, ActionStatus.DROPPED, OPEN),
        (None, TicketStatus.BEGUN, DONE, None),
        (TicketStatus.NEW, TicketStatus.BEGUN, OPEN, None),
    ],
)
def test_the_status_of_an_action_item(
    before: TicketStatus | None, now: TicketStatus, status: ActionStatus, expected: ActionStatus | None
) -> None:
    earlier = ticket(before, action=1) if before else None
    found = meant(ticket(now, action=1), earlier, actions=(item(status=status),))
    assert found == (ChangeAction(n=1, status=expected) if expected else None)


def test_the_owner_of_an_action_item_is_whoever_is_known_there() -> None:
    given = {"actions": (item(),)}
    new = ticket(action=1)
    assert meant(ticket(action=1, account="acc-b"), new, owner="bob", **given) == ChangeAction(n=1, owner="bob")
    assert meant(ticket(action=1, account="acc-a"), new, owner="alice", **given) is None
    assert meant(ticket(action=1, account="acc-x"), new, owner=None, **given) is None
    same = ticket(action=1, account="acc-b")
    assert meant(same, same, owner="bob", **given) is None, "it was assigned again here since then"


def test_an_action_item_that_there_is_not() -> None:
    assert meant(ticket(TicketStatus.DONE, action=7)) is None


def test_the_ticket_of_an_incident() -> None:
    assert isinstance(meant(ticket(TicketStatus.DONE)), Resolve)
    assert isinstance(meant(ticket(TicketStatus.DONE), severity=Severity.SEV2), AddNote)
    assert meant(ticket(TicketStatus.DONE), state=State.CLOSED) is None
    assert meant(ticket(TicketStatus.DONE), ticket(TicketStatus.DONE)) is None
    assert isinstance(meant(ticket(TicketStatus.BEGUN)), Acknowledge)
    assert meant(ticket(TicketStatus.BEGUN), ticket(TicketStatus.BEGUN)) is None, "the acknowledgement has expired"
    taken = meant(ticket(account="acc-a"), ticket(), owner="alice")
    assert taken == Acknowledge(text="OPS-1 is in progress (assigned to alice)")
    assert meant(ticket(TicketStatus.BEGUN), state=State.IDENTIFIED) is None
