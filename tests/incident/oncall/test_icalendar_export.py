"""A schedule as iCalendar: parsed again, it equals the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Calendar

from receiver.incident.oncall.icalendar_export import AHEAD, BACK, calendar_of
from receiver.incident.oncall.on_call_shift import Roster
from receiver.model.oncall.schedule_settings import Override, Schedule

NOW = datetime(2026, 11, 23, 14, 2, 20, 123, tzinfo=UTC)
NAMES = {"alice": "Alice", "bob": "Bob, the builder;\r\nBEGIN:VALARM\x00"}


def roster(*overrides: Override, **more: Any) -> Roster:
    base = {"starts": "2026-11-02", "people": ["alice", "bob"], "timezone": "Europe/Berlin"}
    return Roster(Schedule.model_validate({**base, **more}), None, overrides)


def events(made: bytes) -> list[Any]:
    return list(Calendar.from_ical(made).walk("VEVENT"))


def test_read_back_it_is_the_schedule() -> None:
    found = roster()
    made = events(calendar_of("primary", found, NAMES, NOW, "realm"))
    shifts = list(found.shifts(NOW - BACK, NOW + AHEAD))
    # No one is on call before the schedule starts: that has no start, and is not an event.
    assert [(one.decoded("dtstart"), one.decoded("dtend")) for one in made] == [
        (shift.since, shift.until) for shift in shifts if shift.since is not None
    ]
    assert made[0].decoded("dtend") >= NOW - BACK
    assert made[-1].decoded("dtend") >= NOW + AHEAD
    assert str(made[0]["summary"]) == "Alice on call (primary)"
    assert len({str(one["uid"]) for one in made}) == len(made)


def test_a_shift_keeps_its_uid_when_somebody_else_takes_it() -> None:
    made = Override(
        id="1", schedule="primary", person="bob", from_=NOW, until=NOW + timedelta(days=60), by="x", made_at=NOW
    )
    before = {str(one["uid"]) for one in events(calendar_of("primary", roster(), NAMES, NOW, "realm"))}
    after = {str(one["uid"]) for one in events(calendar_of("primary", roster(made), NAMES, NOW, "realm"))}
    later = {
        str(one["uid"]) for one in events(calendar_of("primary", roster(), NAMES, NOW + timedelta(days=1), "realm"))
    }
    assert len(before & after) >= 5
    assert len(before & later) >= len(before) - 2
    assert not before & {str(one["uid"]) for one in events(calendar_of("secondary", roster(), NAMES, NOW, "realm"))}
    assert not before & {str(one["uid"]) for one in events(calendar_of("primary", roster(), NAMES, NOW, "other"))}


def test_no_event_moves_from_one_look_to_the_next() -> None:
    seen: dict[str, Any] = {}
    for days in range(0, 40, 3):
        for one in events(
            calendar_of("primary", roster(starts="2026-11-23"), NAMES, NOW + timedelta(days=days), "realm")
        ):
            told = one.decoded("dtstart")
            assert seen.setdefault(str(one["uid"]), told) == told, days


def test_a_person_may_have_the_own_shifts_alone() -> None:
    made = events(calendar_of("primary", roster(), NAMES, NOW, "realm", "alice"))
    assert made and {str(one["summary"]) for one in made} == {"Alice on call (primary)"}


def test_a_name_is_text_and_nothing_else() -> None:
    made = calendar_of("primary", roster(), NAMES, NOW, "realm")
    assert b"BEGIN:VALARM" not in made.replace(b"\r\n ", b"").split(b"\r\n")
    assert not any(one.subcomponents for one in events(made))
    assert b"\x00" not in made
    assert any(str(one["summary"]).startswith("Bob, the builder;") for one in events(made))


def test_a_gap_stands_in_the_calendar() -> None:
    office = roster(only=[{"days": ["mon"]}])
    summaries = {str(one["summary"]) for one in events(calendar_of("primary", office, NAMES, NOW, "realm"))}
    assert "NOBODY on call (primary)" in summaries


def test_every_line_is_as_the_standard_wants_it() -> None:
    made = calendar_of("primary", roster(), {"alice": "Ä" * 200, "bob": "b"}, NOW, "realm")
    assert made.startswith(b"BEGIN:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in made.split(b"\r\n"))
    assert b"DTSTAMP:20261123T140220Z" in made
