"""The directory: the people of a contact at a given time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from receiver.incident.oncall.contact_directory import ContactDirectory, UnknownName
from receiver.model.oncall.schedule_settings import Contact, Person, Schedule, Target
from receiver.model.severity import Severity
from receiver.model.severity_policy import Escalation, EscalationStep, SeveritySettings

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


def policy(escalation: str | None = None) -> SeveritySettings:
    return SeveritySettings(title="Critical", respond_within=timedelta(minutes=5), escalation=escalation)


UP = Escalation(steps=(EscalationStep(after=timedelta(minutes=15), page=("boss",)),))
DIRECTORY = ContactDirectory(
    people={
        "alice": Person.model_validate({"name": "Alice", "slack": "U0ALICE", "pager": "k" * 32, "second": ""}),
        "bob": Person(name="Bob"),
        "boss": Person(name="Boss"),
    },
    contacts={
        "on-call": Contact(schedule="primary", backup=Target(people=("boss", "bob"))),
        "boss": Contact(person="boss"),
        "all": Contact(people=("alice", "bob", "alice")),
        "lost": Contact(schedule="gone"),
    },
    schedules={"primary": Schedule(starts=date(2026, 11, 16), people=("bob", "alice"))},
    severities={Severity.SEV1: policy("up"), Severity.SEV2: policy(), Severity.SEV3: policy("gone")},
    escalations={"up": UP},
)


def test_a_contact_is_whoever_is_on_call_a_person_or_a_group() -> None:
    assert DIRECTORY.people_of("on-call", NOW) == ("alice",)
    assert DIRECTORY.people_of("on-call", NOW - timedelta(days=7)) == ("bob",)
    assert DIRECTORY.people_of("boss", NOW) == ("boss",)
    assert DIRECTORY.people_of("all", NOW) == ("alice", "bob")
    assert DIRECTORY.backup_of("on-call", NOW) == ("boss", "bob")
    assert DIRECTORY.backup_of("boss", NOW) == ()


def test_policies() -> None:
    assert DIRECTORY.severity(Severity.SEV2).escalation is None
    assert DIRECTORY.escalation(Severity.SEV1) == UP
    assert DIRECTORY.escalation(Severity.SEV2) is None
    assert DIRECTORY.shift("primary", NOW).next == "bob"


@pytest.mark.parametrize(
    ("ask", "what", "name"),
    [
        (lambda: DIRECTORY.people_of("nobody", NOW), "contact", "nobody"),
        (lambda: DIRECTORY.backup_of("nobody", NOW), "contact", "nobody"),
        (lambda: DIRECTORY.people_of("lost", NOW), "schedule", "gone"),
        (lambda: DIRECTORY.person("eve"), "person", "eve"),
        (lambda: DIRECTORY.severity(Severity.SEV4), "severity", "SEV-4"),
        (lambda: DIRECTORY.escalation(Severity.SEV3), "escalation", "gone"),
    ],
)
def test_a_name_that_is_gone_is_told_apart(ask: object, what: str, name: str) -> None:
    with pytest.raises(UnknownName) as caught:
        ask()  # type: ignore[operator]
    assert (caught.value.what, caught.value.name) == (what, name)
    assert str(caught.value) == f"no {what} is named {name}"


def test_an_address_is_found_by_the_name_then_by_the_kind_of_a_channel_and_stays_secret() -> None:
    alice = DIRECTORY.person("alice")
    assert alice.address("pager", "pagerduty") == "k" * 32
    assert alice.address("chat", "slack") == "U0ALICE"
    assert alice.address("second", "pagerduty") is None
    assert alice.address("mail", "email") is None
    assert "k" * 32 not in repr(DIRECTORY)
    both = Person(name="Both", addresses={"slack": SecretStr("by kind"), "chat": SecretStr("by name")})
    assert both.address("chat", "slack") == "by name"


@pytest.mark.parametrize("value", [{}, {"person": "a", "schedule": "b"}, {"person": "a", "people": ["b"]}])
def test_a_contact_names_exactly_one_target(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="one of schedule, person, people and service"):
        Contact.model_validate(value)
