"""The hours of an offered day, and the weekly plan."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from receiver.incident.oncall.on_call_shift import Roster
from receiver.incident.oncall.shift_offers import Span, holds_all, offered_spans, plan_moment, plan_text
from receiver.model.oncall.schedule_settings import Schedule

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
BERLIN = "Europe/Berlin"
WEEKLY = Schedule(
    rotation="weekly", handoff="Monday 09:00", timezone=BERLIN, starts=date(2026, 11, 2), people=("ann", "ben")
)
ROSTER = Roster(WEEKLY)


def utc(*at: int) -> datetime:
    return datetime(*at, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_a_day_is_one_of_the_schedules_clocks() -> None:
    person = ROSTER.at(utc(2026, 11, 25, 12)).person or ""
    assert offered_spans(ROSTER, person, [date(2026, 11, 25)], BERLIN, NOW) == [
        Span(utc(2026, 11, 24, 23), utc(2026, 11, 25, 23))
    ]


def test_neighboring_days_are_one_span_and_only_own_hours_count() -> None:
    person = ROSTER.at(utc(2026, 11, 29, 12)).person or ""
    days = [date(2026, 11, 30), date(2026, 11, 29), date(2026, 11, 28)]
    (span,) = offered_spans(ROSTER, person, days, BERLIN, NOW)
    assert span == Span(utc(2026, 11, 27, 23), utc(2026, 11, 30, 8)), "until the hand-off on Monday"
    assert holds_all(ROSTER, person, span)
    assert not holds_all(ROSTER, person, Span(span.begins, span.ends + timedelta(hours=1)))


def test_what_has_passed_of_a_day_is_not_offered() -> None:
    now = utc(2026, 11, 25, 10)
    person = ROSTER.at(now).person or ""
    assert offered_spans(ROSTER, person, [date(2026, 11, 25)], BERLIN, now) == [Span(now, utc(2026, 11, 25, 23))]
    assert offered_spans(ROSTER, person, [date(2026, 11, 24)], BERLIN, now) == []


@pytest.mark.parametrize(
    ("now", "at"),
    [
        (utc(2026, 11, 23, 8), utc(2026, 11, 23, 8)), (utc(2026, 11, 29, 20), utc(2026, 11, 23, 8)),
        (utc(2026, 3, 29, 20), utc(2026, 3, 23, 8)), (utc(2026, 3, 30, 20), utc(2026, 3, 30, 7)),
    ],
)  # fmt: skip
def test_the_plan_is_posted_on_mondays_at_nine(now: datetime, at: datetime) -> None:
    assert plan_moment(now, BERLIN) == at


def test_the_plan_has_a_line_a_shift() -> None:
    shifts = list(ROSTER.shifts(NOW, NOW + timedelta(days=8)))
    lines = plan_text("primary", shifts, {"ann": "Ann"}, BERLIN).splitlines()
    assert lines[0] == "On call in primary this week (Europe/Berlin):"
    assert len(lines) == len(shifts) + 1
    assert any("until Mon 2026-11-30 09:00: " in line for line in lines)
