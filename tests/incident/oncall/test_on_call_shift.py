"""On call: each time has exactly one shift, and the hand-off keeps its wall-clock time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.incident.oncall.on_call_shift import Roster, hand_off, on_call
from receiver.model.oncall.schedule_settings import Rotation, Schedule

TEAM = ("alice", "bob", "carol")
PRIMARY = Schedule(handoff="Monday 09:00", starts=date(2026, 11, 2), people=TEAM)
SECONDARY = Schedule(handoff="Tuesday 09:00", starts=date(2026, 11, 3), people=("carol", "alice", "bob"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "person", "since", "until", "follows"),
    [
        ("2026-11-02T09:00:00Z", "alice", "2026-11-02T09:00:00Z", "2026-11-09T09:00:00Z", "bob"),
        ("2026-11-09T08:59:59Z", "alice", "2026-11-02T09:00:00Z", "2026-11-09T09:00:00Z", "bob"),
        ("2026-11-09T09:00:00Z", "bob", "2026-11-09T09:00:00Z", "2026-11-16T09:00:00Z", "carol"),
        ("2026-11-23T14:02:11Z", "alice", "2026-11-23T09:00:00Z", "2026-11-30T09:00:00Z", "bob"),
    ],
)
def test_the_reference_schedule(now: str, person: str, since: str, until: str, follows: str) -> None:
    shift = on_call(PRIMARY, at(now))
    assert (shift.person, shift.since, shift.until, shift.next) == (person, at(since), at(until), follows)


@pytest.mark.parametrize("now", ["2026-11-02T08:59:59Z", "2026-10-01T00:00:00Z", "1971-01-01T00:00:00Z"])
def test_before_it_starts_the_first_person_stands_in(now: str) -> None:
    shift = on_call(PRIMARY, at(now))
    assert (shift.person, shift.since, shift.until, shift.next) == ("alice", None, at("2026-11-02T09:00:00Z"), "alice")


def test_a_start_between_hand_offs_falls_into_the_first_persons_shift() -> None:
    schedule = Schedule(handoff="Monday 09:00", starts=date(2026, 11, 5), people=TEAM)
    assert on_call(schedule, at("2026-11-05T12:00:00Z")).person == "alice"
    assert on_call(schedule, at("2026-11-09T09:00:00Z")).person == "bob"


def test_nobody_of_the_reference_is_primary_and_secondary_at_once() -> None:
    moment = at("2026-11-03T09:00:00Z")
    for hour in range(24 * 7 * 6):
        now = moment + timedelta(hours=hour)
        assert on_call(PRIMARY, now).person != on_call(SECONDARY, now).person


def test_the_wall_clock_time_is_kept_over_a_change_of_clocks() -> None:
    schedule = Schedule(handoff="Monday 09:00", timezone="Europe/Berlin", starts=date(2026, 10, 19), people=TEAM)
    shift = on_call(schedule, at("2026-10-25T12:00:00Z"))
    assert (shift.since, shift.until) == (at("2026-10-19T07:00:00Z"), at("2026-10-26T08:00:00Z"))


def test_a_hand_off_that_the_clocks_skip_happens_at_the_skip() -> None:
    schedule = Schedule(
        rotation=Rotation.DAILY, handoff="02:30", timezone="Europe/Berlin", starts=date(2026, 3, 28), people=TEAM
    )
    skip = at("2026-03-29T01:00:00Z")
    assert on_call(schedule, skip - timedelta(microseconds=1)).person == "alice"
    shift = on_call(schedule, skip)
    assert (shift.person, shift.since, shift.until) == ("bob", skip, at("2026-03-30T00:30:00Z"))


def test_a_hand_off_at_a_time_that_comes_twice_happens_the_first_time() -> None:
    schedule = Schedule(
        rotation=Rotation.DAILY, handoff="02:30", timezone="Europe/Berlin", starts=date(2026, 10, 24), people=TEAM
    )
    first, second = at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")
    assert on_call(schedule, first - timedelta(seconds=1)).person == "alice"
    assert [on_call(schedule, moment).person for moment in (first, second)] == ["bob", "bob"]


def test_a_rotation_of_its_own_length() -> None:
    schedule = Schedule(
        rotation=Rotation.CUSTOM, length=timedelta(hours=12), handoff="08:00", starts=date(2026, 1, 1), people=TEAM[:2]
    )
    assert on_call(schedule, at("2026-01-01T19:59:00Z")).person == "alice"
    assert on_call(schedule, at("2026-01-01T20:00:00Z")).person == "bob"
    assert on_call(schedule, at("2026-01-02T08:00:00Z")).person == "alice"


def test_one_person_alone_follows_themselves() -> None:
    shift = on_call(Schedule(people=("ann",)), at("2026-06-01T00:00:00Z"))
    assert (shift.person, shift.next) == ("ann", "ann")


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns",
     "Asia/Kathmandu", "Pacific/Chatham", "America/Santiago", "Asia/Gaza"]
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2036, 12, 31), timezones=st.just(UTC))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    rotation = draw(st.sampled_from(list(Rotation)))
    clock = f"{draw(st.integers(0, 23)):02}:{draw(st.sampled_from([0, 15, 30, 59])):02}"
    day = draw(st.sampled_from(["Monday", "Sat", "sunday"]))
    length = timedelta(hours=draw(st.integers(1, 24 * 15))) if rotation is Rotation.CUSTOM else None
    return Schedule(
        rotation=rotation,
        handoff=f"{day} {clock}" if rotation is Rotation.WEEKLY else clock,
        length=length,
        timezone=draw(ZONES),
        starts=draw(st.dates(date(2020, 1, 1), date(2030, 1, 1))),
        people=TEAM[: draw(st.integers(1, 3))],
    )


@given(schedules(), MOMENTS)
@settings(max_examples=300, deadline=None)
def test_every_moment_lies_in_its_shift_and_shifts_follow_each_other(schedule: Schedule, now: datetime) -> None:
    shift = on_call(schedule, now)
    assert now < shift.until
    if shift.since is not None:
        assert shift.since <= now
        assert on_call(schedule, shift.since) == shift
        assert on_call(schedule, shift.since - timedelta(microseconds=1)).until == shift.since
    after = on_call(schedule, shift.until)
    assert (after.since, after.person) == (shift.until, shift.next)


@given(schedules(), st.integers(0, 3000))
@settings(max_examples=300, deadline=None)
def test_a_hand_off_happens_once_at_its_wall_clock_time_or_at_the_skip(schedule: Schedule, turn: int) -> None:
    moment = hand_off(schedule, turn)
    assert hand_off(schedule, turn + 1) >= moment
    zone = ZoneInfo(schedule.timezone)
    _, clock = schedule.moment
    wall = moment.astimezone(zone).replace(tzinfo=None)
    expected = datetime.combine(date.min, clock) + (turn * schedule.shift) % timedelta(days=1)
    if wall.time() != expected.time():
        before = (moment - timedelta(seconds=1)).astimezone(zone)
        assert moment.astimezone(zone).utcoffset() != before.utcoffset(), "only a clock change moves a hand-off"
        assert before.replace(tzinfo=None) < wall - timedelta(minutes=10), "and only one that skips the time"


def test_a_schedule_remembers_nothing_that_changes_its_answers() -> None:
    schedule = Schedule(
        rotation=Rotation.DAILY, handoff="09:00", starts=date(2026, 11, 2), people=TEAM, timezone="Europe/Berlin"
    )
    roster = Roster(schedule)
    moments = [at("2026-10-20T00:00:00Z") + timedelta(hours=number * 7) for number in range(400)]
    alone = [on_call(schedule, moment) for moment in moments]
    assert [roster.at(moment) for moment in reversed(moments)] == alone[::-1]
    assert [roster.at(moment) for moment in moments] == alone
    assert list(roster.shifts(moments[0], moments[-1])) == list(dict.fromkeys(alone))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.incident.oncall.on_call_shift.KEPT", 5)
    schedule = Schedule(rotation=Rotation.DAILY, handoff="09:00", starts=date(2026, 11, 2), people=TEAM)
    roster = Roster(schedule)
    for day in range(40):
        moment = at("2026-10-20T10:00:00Z") + timedelta(days=day * 3 % 40)
        assert roster.at(moment) == on_call(schedule, moment)
        assert len(roster._known) == len(roster._starts) <= 5
