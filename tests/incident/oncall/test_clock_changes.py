"""Windows and business hours whose start the clocks skip or repeat."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from receiver.incident.alerts.maintenance_windows import Window
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.policy_snapshot import ResponseHours


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("friday", "begins", "ends"),
    [
        ("2026-03-20T12:00", "2026-03-22T01:30", "2026-03-22T02:30"),
        # 02:30 is skipped: windows at that time begin at the change.
        ("2026-03-27T12:00", "2026-03-29T01:00", "2026-03-29T02:00"),
        # 02:30 occurs twice: the first occurrence counts.
        ("2026-10-23T12:00", "2026-10-25T00:30", "2026-10-25T01:30"),
    ],
)
def test_a_weekly_window_begins_when_the_wall_clock_says_so(friday: str, begins: str, ends: str) -> None:
    window = Window(name="w", weekly="Sunday 02:30", lasts=3600, zone="Europe/Berlin")
    assert window.next(at(friday)) == at(begins)
    assert window.holds(at(begins)) == at(ends)


def test_business_hours_that_begin_in_the_skipped_hour_begin_at_the_skip() -> None:
    night = ResponseHours(days=(6,), opens=2 * 60 + 15, closes=3 * 60 + 30)
    assert add_business_time(at("2026-03-28T12:00"), 25 * 60, night, "Europe/Berlin") == at("2026-03-29T01:25")
