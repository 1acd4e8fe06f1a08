"""The Communications Lead is reminded once of the email about an incident that customers have noticed."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.log.event_log import Transition
from receiver.incident.publication.customer_email_reminder import customer_email_due, remind_of_customer_email
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import Roles
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.incident.fixtures import CHAT, NOW, POLICY, A, Store, at, only, part, policy

TIMER = Actor(kind=ActorKind.TIMER, name="letter")


def resolved(**changes: Any) -> Incident:
    made = Store()
    made.tell(part(A), NOW)
    over = {"state": State.RESOLVED, "resolved_at": at(600), "roles": Roles(communications_lead="lead")}
    return only(made).model_copy(update={**over, **changes})


def test_it_is_due_when_the_incident_is_resolved_or_closed() -> None:
    assert customer_email_due(resolved(), POLICY) == at(600)
    assert customer_email_due(resolved(state=State.CLOSED, resolved_at=None, closed_at=at(900)), POLICY) == at(900)


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": Severity.SEV3}, {"state": State.OPEN}, {"drill": True}, {"lettered_at": at(700)},
        {"roles": Roles()},
    ],
)  # fmt: skip
def test_it_is_not_due(changes: dict[str, Any]) -> None:
    assert customer_email_due(resolved(**changes), POLICY) is None


def test_it_is_not_due_for_what_customers_do_not_see() -> None:
    assert customer_email_due(resolved(), policy(visible=lambda labels, scope: False)) is None
    assert customer_email_due(resolved(), policy(visible=lambda labels, scope: True)) == at(600)


def test_the_reminder_names_the_lead_and_the_command() -> None:
    draft = Transition(resolved(), TIMER, at(700))
    remind_of_customer_email(draft, POLICY)
    (event,) = draft.events
    assert (event.kind, event.data["people"], event.to) == (Kind.LETTER, ["lead"], (CHAT,))
    assert "lead to review and send: receiver customer-email" in event.text
    assert customer_email_due(draft.incident, POLICY) is None, "once"
