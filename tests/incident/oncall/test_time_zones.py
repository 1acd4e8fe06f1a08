"""Every time zone at every clock change: no gap, no overlap, and each hand-off once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from receiver.incident.oncall.on_call_shift import Roster
from receiver.model.oncall.schedule_settings import Rotation, Schedule
from receiver.model.wall_clock import instant

FIRST, DAYS = datetime(2023, 1, 1, tzinfo=UTC), 3 * 365
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ZONES = sorted(name for name in available_timezones() if name not in ("localtime", "Factory"))


def changes(zone: ZoneInfo) -> list[datetime]:
    """Return the clock changes of `zone` in three years."""
    found = []
    for number in range(DAYS):
        low = FIRST + number * DAY
        high = low + DAY
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high.replace(microsecond=0))
    return found


@pytest.mark.parametrize("letter", sorted({name[0] for name in ZONES}))
def test_the_hand_offs_around_every_change_of_clocks(letter: str) -> None:
    for name in ZONES:
        for change in changes(ZoneInfo(name)) if name[0] == letter else ():
            check(name, change)


def check(name: str, change: datetime) -> None:
    zone = ZoneInfo(name)
    before, after = (change - MINUTE).astimezone(zone), change.astimezone(zone)
    # A clock time that the change skips, or that comes twice, or is its very moment, or has nothing to do with it.
    middle = before + (after.replace(tzinfo=None) - before.replace(tzinfo=None)) / 2
    for clock in {one.strftime("%H:%M") for one in (before, middle, after, after + timedelta(hours=9))}:
        schedule = Schedule(
            rotation=Rotation.DAILY, handoff=clock, timezone=name, starts=(change - 9 * DAY).date(), people=("a", "b")
        )
        roster = Roster(schedule)
        shifts = list(roster.shifts(change - 3 * DAY, change + 3 * DAY))
        days = [shift.since.astimezone(zone) for shift in shifts if shift.since]
        assert len(days) == len(shifts)
        for one, other in pairwise(shifts):
            assert one.until == other.since, (name, clock, "no gap and no overlap")
            assert one.person != other.person, (name, clock, "each hand-off once")
        meant = []
        for day in days:
            meant.append(day.date())
            if day.strftime("%H:%M") != clock:
                assert day.astimezone(UTC) == change, (name, clock, "kept but for a skip, and then at its moment")
                last = (change - MINUTE).astimezone(zone)
                meant[-1] = last.date() if clock > last.strftime("%H:%M") else day.date()
                wall = datetime.combine(meant[-1], schedule.moment[1])
                assert last.replace(tzinfo=None) < wall < day.replace(tzinfo=None), (name, clock)
            else:
                assert day.fold == 0, (name, clock, "the first time of two")
        assert all(later - earlier == DAY for earlier, later in pairwise(meant)), (name, clock)


@pytest.mark.parametrize(
    ("name", "wall", "expected"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00+00:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00+00:00"),
        ("Antarctica/Troll", "2026-03-29T02:30", "2026-03-29T01:00:00+00:00"),
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00:00+00:00"),
        ("UTC", "2026-03-29T02:30", "2026-03-29T02:30:00+00:00"),
    ],
)
def test_when_a_wall_clock_shows_a_time(name: str, wall: str, expected: str) -> None:
    assert instant(datetime.fromisoformat(wall), ZoneInfo(name)).isoformat() == expected
