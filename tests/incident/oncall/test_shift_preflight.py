"""Preflight: people who cannot be reached, and hours without anyone on call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.incident.oncall.shift_preflight import AHEAD, Gap, check_shifts, missing_addresses
from receiver.model.oncall.schedule_settings import Contact, Override, Person, Schedule, Target
from receiver.model.severity_policy import Escalation, EscalationStep
from tests.incident.fixtures import DIRECTORY, NOW, severity

PAGERS = (("pager", "pagerduty"),)


def test_everybody_who_may_be_paged_is_asked_for_with_what_leads_there() -> None:
    up = Escalation(steps=(EscalationStep(after=timedelta(minutes=5), page=("boss",)),))
    severities = {
        level: settings.model_copy(update={"escalation": "up"}) for level, settings in DIRECTORY.severities.items()
    }
    directory = replace(
        DIRECTORY, escalations={"up": up}, severities=severities,
        contacts={**DIRECTORY.contacts, "boss": Contact(person="boss", backup=Target(person="cto"))},
    )  # fmt: skip
    found = check_shifts(directory, PAGERS, NOW)
    assert [(one.person, one.name, one.called_as) for one in found.unreachable] == [
        ("boss", "Boss", ("contact boss",)),
        ("cto", "CTO", ("backup of boss",)),
    ]
    assert (found.begins, found.ends, found.gaps, found.good) == (NOW, NOW + AHEAD, (), False)


def test_people_of_schedules_and_overrides_are_asked_for() -> None:
    made = Override(
        id="1", schedule="primary", person="eve", from_=NOW, until=NOW + timedelta(hours=1), by="x", made_at=NOW
    )
    schedules = {"primary": Schedule.model_validate({"people": ["alice"], "layers": [{"people": ["boss"]}]})}
    found = check_shifts(replace(DIRECTORY, schedules=schedules, overrides=(made,)), PAGERS, NOW)
    assert [(one.person, one.called_as) for one in found.unreachable] == [
        ("boss", ("schedule primary",)), ("eve", ("schedule primary",)),
    ]  # fmt: skip


def test_without_a_channel_that_rings_nobody_is_reachable() -> None:
    assert {one.person for one in check_shifts(DIRECTORY, (), NOW).unreachable} == {"alice", "bob", "lead"}
    assert check_shifts(DIRECTORY, PAGERS, NOW).good


def test_one_of_several_channels_is_enough() -> None:
    two = (*PAGERS, ("sms", "apprise"))
    assert check_shifts(DIRECTORY, two, NOW).good
    assert missing_addresses(DIRECTORY.people["alice"], two) == ["sms"]
    assert missing_addresses(None, two) == ["pager", "sms"]


def test_hours_that_nobody_holds_are_told_from_now_on() -> None:
    office = Schedule.model_validate(
        {"people": ["alice"], "only": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "06:00", "to": "22:00"}]}
    )
    found = check_shifts(replace(DIRECTORY, schedules={"primary": office}), PAGERS, NOW, timedelta(days=7))
    assert len(found.gaps) == 5, "four nights and a weekend"
    assert found.gaps[0] == Gap("primary", at("2026-11-23T22:00"), at("2026-11-24T06:00"))
    assert found.gaps[-1] == Gap("primary", at("2026-11-27T22:00"), at("2026-11-30T06:00"))


def test_when_all_are_away_it_is_a_gap() -> None:
    away = Person.model_validate(
        {"name": "A", "pager": "k", "vacations": [{"from": "2026-11-25", "until": "2026-11-25"}]}
    )
    people = {**DIRECTORY.people, "alice": away, "bob": away}
    found = check_shifts(replace(DIRECTORY, people=people), PAGERS, NOW)
    assert found.gaps == (Gap("primary", at("2026-11-25T00:00"), at("2026-11-26T00:00")),)


def test_a_severity_that_pages_nobody_asks_for_nobody() -> None:
    directory = replace(DIRECTORY, schedules={}, severities={level: severity() for level in DIRECTORY.severities})
    assert check_shifts(directory, (), NOW).good


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_who_has_had_the_last_turn_is_asked_for_no_more() -> None:
    over = Override(
        id="1", schedule="primary", person="eve", from_=NOW - timedelta(days=2), until=NOW, by="x", made_at=NOW
    )
    schedule = Schedule.model_validate(
        {
            "people": ["boss", "alice"],
            "rotations": [{"starts": "2026-11-02", "people": ["alice", "bob"]}],
            "overrides": [{"person": "cto", "from": "2026-11-20", "until": "2026-11-22"}],
        }
    )
    directory = replace(DIRECTORY, schedules={"primary": schedule}, overrides=(over,))
    assert check_shifts(directory, PAGERS, NOW).unreachable == ()


def test_who_takes_over_when_the_rotation_changes_is_asked_for() -> None:
    schedule = Schedule.model_validate(
        {"people": ["boss"], "rotations": [{"starts": "2026-11-23", "people": ["cto"]}], "timezone": "Pacific/Honolulu"}
    )
    directory = replace(DIRECTORY, schedules={"primary": schedule})
    assert [one.person for one in check_shifts(directory, PAGERS, NOW).unreachable] == ["boss", "cto"], "09:00 there"


def test_the_log_reaches_nobody() -> None:
    people = {
        name: Person.model_validate({"name": name.title(), "console": name, **({"pager": "a" * 32} if own else {})})
        for name, own in (("alice", True), ("bob", False), ("lead", True))
    }
    found = check_shifts(
        replace(DIRECTORY, people={**DIRECTORY.people, **people}), (*PAGERS, ("console", "log")), NOW, mute={"console"}
    )
    assert [(one.person, one.log_only) for one in found.unreachable] == [("bob", True)]
    without = check_shifts(DIRECTORY, (("console", "log"),), NOW, mute={"console"})
    assert {(one.person, one.log_only) for one in without.unreachable} == {
        ("alice", False), ("bob", False), ("lead", False),
    }  # fmt: skip
