"""The ways in which people are paged, those that are proved, and the times of test pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.oncall.reachability import (
    Means,
    Proof,
    asked_lately,
    find_unproved,
    is_daytime,
    means_of,
    shifts_ahead,
)
from receiver.model.oncall.schedule_settings import Contact, Person, Schedule

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
PAGERS = (("push", "ntfy"), ("phone", "twilio"), ("pager", "pagerduty"))
STEPS = [{"after": "0s", "by": "phone", "how": "sms"}, {"after": "2m", "by": "phone", "how": "call"}]


def person(**more: Any) -> Person:
    return Person.model_validate({"name": "Ann", "push": "ann-7f3k9qxw2m4d8r", "phone": "+15550101", **more})


def proof(**more: Any) -> Proof:
    given = {"person": "ann", "channel": "push", "key": "k", "by": "x", "asked_at": NOW, "until": NOW, **more}
    return Proof.model_validate(given)


@pytest.mark.parametrize(
    ("more", "means"),
    [
        ({}, ["push", "phone"]), ({"page_by": STEPS}, ["phone sms", "phone call", "push"]),
        ({"page_by": {"default": STEPS[:1], "SEV-1": STEPS}}, ["phone sms", "phone call", "push"]),
        ({"push": "", "phone": ""}, []),
    ],
)  # fmt: skip
def test_every_address_and_every_step_is_a_means(more: dict[str, Any], means: list[str]) -> None:
    assert [" ".join(filter(None, one)) for one in means_of(person(**more), PAGERS)] == means


@pytest.mark.parametrize(
    ("days", "found"), [(None, ["push", "phone"]), (31, ["push", "phone"]), (29, ["phone"])]
)  # fmt: skip
def test_a_proof_counts_for_a_while(days: int | None, found: list[str]) -> None:
    directory = ContactDirectory(people={"ann": person()}, contacts={}, schedules={}, severities={}, escalations={})
    at = NOW - timedelta(days=days) if days else None
    proofs = {("ann", Means("push")): proof(proved_at=at)}
    lacking = find_unproved(directory, ["ann", "gone"], PAGERS, proofs, timedelta(days=30), NOW)
    assert [one.means.channel for one in lacking] == found


def test_a_shift_that_begins_within_a_day() -> None:
    rota = {"rotation": "weekly", "handoff": "Monday 09:00", "starts": "2026-11-02", "people": ["ann", "bob"]}
    contacts = {"on-call": Contact(schedule="primary")}
    directory = ContactDirectory(
        people={"ann": person(), "bob": person()}, contacts=contacts,
        schedules={"primary": Schedule.model_validate(rota)}, severities={}, escalations={},
    )  # fmt: skip
    assert shifts_ahead(directory, NOW) == {"ann": datetime(2026, 11, 30, 9, tzinfo=UTC)}
    assert shifts_ahead(directory, NOW - timedelta(hours=2)) == {}
    assert shifts_ahead(directory, NOW + timedelta(days=1)) == {}


@pytest.mark.parametrize(
    ("zone", "hour", "day"),
    [(None, 9, True), (None, 18, False), (None, 8, False), ("America/New_York", 10, False), ("Asia/Tokyo", 4, True)],
)
def test_a_scheduled_test_wakes_nobody(zone: str | None, hour: int, day: bool) -> None:
    assert is_daytime(person(timezone=zone), "UTC", NOW.replace(hour=hour)) is day


def test_what_was_asked_and_what_was_answered() -> None:
    assert not asked_lately(None, NOW)
    assert asked_lately(proof(), NOW + timedelta(hours=19))
    assert not asked_lately(proof(), NOW + timedelta(hours=21))
    assert not proof(proved_at=NOW - timedelta(days=1)).answered
    assert proof(proved_at=NOW).answered
