"""Layers, changes, vacations and overrides, compared with a model that computes each quarter of an hour separately."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.incident.oncall.on_call_shift import Reason, Roster
from receiver.model.oncall.schedule_settings import Hours, Line, Override, Person, Rota, Schedule
from receiver.model.severity_policy import Day

STEP = timedelta(minutes=15)
BACK, AHEAD = timedelta(days=40), timedelta(days=30)
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Gaza", "America/New_York", "Pacific/Chatham")
TEAM = ("ann", "ben", "cem", "dia")
AROUND = date(2026, 3, 27)
"""Zones whose clocks change in the tested days, and some that have no change then."""


class Model:
    """Each quarter of an hour of some weeks, with the local time of a zone."""

    def __init__(self) -> None:
        start = datetime.combine(AROUND, datetime.min.time(), UTC)
        self.moments = [start - BACK + STEP * number for number in range((BACK + AHEAD) // STEP)]
        self.tops: dict[str, list[datetime]] = {}

    def first(self, wall: datetime, zone: str) -> int:
        """Return the first step at which the local time of `zone` has reached `wall`."""
        if zone not in self.tops:
            top, tops = datetime(2000, 1, 1), []
            for moment in self.moments:
                top = max(top, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
                tops.append(top)
            self.tops[zone] = tops
        return bisect_left(self.tops[zone], wall)

    def span(self, begins: str, ends: str, zone: str) -> range:
        last = datetime.fromisoformat(ends) + (timedelta(days=1) if len(ends) == 10 else timedelta())
        return range(self.first(datetime.fromisoformat(begins), zone), self.first(last, zone))

    def turns(self, rota: Rota) -> list[int]:
        """Return the number of the turn at each step; below 0 before the first."""
        day, clock = rota.moment
        wall = datetime.combine(rota.starts, clock)
        while day is not None and wall.weekday() != day:
            wall -= timedelta(days=1)
        number, found = -1, [-1] * len(self.moments)
        while (step := self.first(wall, rota.timezone)) < len(self.moments):
            number, wall = number + 1, wall + rota.shift
            found[step:] = [number] * (len(self.moments) - step)
        return found

    def hours(self, rota: Rota) -> list[bool]:
        """Return for each step whether the rotation applies."""
        found = [not rota.only] * len(self.moments)
        for offset in range(-45, 35):
            day = AROUND + timedelta(days=offset)
            for one in rota.only:
                if list(Day)[day.weekday()] in one.days:
                    begins = datetime.combine(day, one.from_)
                    ends = datetime.combine(day + timedelta(days=0 if one.to > one.from_ else 1), one.to)
                    for step in range(self.first(begins, rota.timezone), self.first(ends, rota.timezone)):
                        found[step] = True
        return found

    def line(self, line: Line, away: dict[str, list[range]], *, always: bool) -> list[str | None]:
        """Return the person whose turn it is at each step."""
        found: list[str | None] = [None] * len(self.moments)
        for index, rota in enumerate((line, *line.rotations)):
            turns, hours = self.turns(rota), self.hours(rota)
            for step, number in enumerate(turns):
                if number < 0 and (index or not always):
                    continue
                order = [rota.people[(max(number, 0) + place) % len(rota.people)] for place in range(len(rota.people))]
                there = [person for person in order if not any(step in span for span in away.get(person, ()))]
                found[step] = there[0] if there and hours[step] else None
        return found

    def everything(self, schedule: Schedule, people: dict[str, Person], made: list[Override]) -> list[str | None]:
        away = {
            name: [self.span(one.from_, one.until, card.timezone or schedule.timezone) for one in card.vacations]
            for name, card in people.items()
        }
        found = self.line(schedule, away, always=True)
        for layer in schedule.layers:
            over = self.line(layer, away, always=False)
            found = [upper or lower for upper, lower in zip(over, found, strict=True)]
        spans = [(self.span(one.from_, one.until, schedule.timezone), one.person) for one in schedule.overrides]
        spans += [
            (range(bisect_left(self.moments, one.from_), bisect_left(self.moments, one.until)), one.person)
            for one in sorted(made, key=lambda one: one.made_at)
        ]
        for span, person in spans:
            for step in span:
                found[step] = person
        return found


MODEL = Model()
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
DATES = st.integers(-30, 25).map(lambda days: AROUND + timedelta(days=days))
TEAMS = st.lists(st.sampled_from(TEAM), min_size=1, max_size=4)
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@st.composite
def spans(draw: st.DrawFn) -> dict[str, str]:
    day, length = draw(DATES), draw(st.integers(0, 9))
    if draw(st.booleans()):
        return {"from": day.isoformat(), "until": (day + timedelta(days=length)).isoformat()}
    return {
        "from": f"{day}T{draw(CLOCKS)}",
        "until": f"{day + timedelta(days=length + 1)}T{draw(CLOCKS)}",
    }


@st.composite
def rotas(draw: st.DrawFn, starts: date, *, change: bool = False) -> dict[str, Any]:
    kind, clock = draw(st.sampled_from(["daily", "weekly", "custom"])), draw(CLOCKS)
    hours = st.builds(
        lambda days, begins, ends: {"days": days, "from": begins, "to": ends},
        st.lists(st.sampled_from([day.value for day in Day]), min_size=1, unique=True), CLOCKS, CLOCKS,
    )  # fmt: skip
    rota = {
        "rotation": kind, "handoff": f"{NAMES[starts.weekday()]} {clock}" if kind == "weekly" else clock,
        "starts": starts, "people": draw(TEAMS), "only": draw(st.lists(hours, max_size=2)),
        "timezone": draw(st.sampled_from(ZONES)),
    }  # fmt: skip
    if kind == "custom":
        rota["length"] = timedelta(minutes=15 * draw(st.integers(4, 400)))
    return rota


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    days = sorted(draw(st.lists(DATES, min_size=1, max_size=3, unique=True)))
    first, *later = [draw(rotas(day)) for day in days]
    return {**first, "rotations": later}


@st.composite
def rosters(draw: st.DrawFn) -> tuple[Schedule, dict[str, Person], list[Override]]:
    planned = [{**draw(spans()), "person": draw(st.sampled_from(TEAM))} for _ in range(draw(st.integers(0, 2)))]
    layers = draw(st.lists(lines(), max_size=2))
    schedule = Schedule.model_validate({**draw(lines()), "layers": layers, "overrides": planned})
    people = {
        name: Person.model_validate(
            {
                "name": name,
                "timezone": draw(st.sampled_from(["", *ZONES])),
                "vacations": draw(st.lists(spans(), max_size=2)),
            }
        )
        for name in TEAM
    }  # fmt: skip
    made = []
    for number in range(draw(st.integers(0, 3))):
        begins = MODEL.moments[0] + STEP * draw(st.integers(0, 6000))
        made.append(
            Override(
                id=str(number), schedule="s", person=draw(st.sampled_from(TEAM)), from_=begins,
                until=begins + STEP * draw(st.integers(1, 800)), by="x", made_at=begins + timedelta(seconds=number),
            )
        )  # fmt: skip
    return schedule, people, made


@pytest.mark.timeout(400)
@given(rosters())
@settings(max_examples=50, deadline=None)
def test_every_quarter_of_an_hour_is_as_the_model_says(
    given: tuple[Schedule, dict[str, Person], list[Override]],
) -> None:
    schedule, people, made = given
    expected = MODEL.everything(schedule, people, made)
    roster = Roster(schedule, people, made)
    skip = len(MODEL.moments) // 3
    found = [roster.at(moment).person for moment in MODEL.moments[skip:]]
    assert found == expected[skip:]
    shifts = list(roster.shifts(MODEL.moments[skip], MODEL.moments[-1]))
    for one, other in pairwise(shifts):
        assert (one.until, one.next) == (other.since, other.person)
    fresh = Roster(schedule, people, made)
    assert [fresh.at(shift.since) for shift in reversed(shifts[1:]) if shift.since] == shifts[:0:-1]
    gaps = roster.gaps(MODEL.moments[skip], MODEL.moments[-1])
    assert all((shift.person is None) == (shift.reason is Reason.NOBODY) for shift in shifts)
    assert all(one[1] < other[0] for one, other in pairwise(gaps))
    first, last = MODEL.moments[skip], MODEL.moments[-1]
    idle = [min(one.until, last) - max(one.since or first, first) for one in shifts if one.person is None]
    assert sum((ends - begins for begins, ends in gaps), timedelta()) == sum(idle, timedelta())


def schedule(**more: Any) -> Schedule:
    base = {"rotation": "weekly", "handoff": "Monday 09:00", "starts": "2026-11-02", "people": ["ann", "ben", "cem"]}
    return Schedule.model_validate({**base, **more})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def away(*spans: tuple[str, str]) -> Person:
    return Person.model_validate({"name": "x", "vacations": [{"from": one, "until": other} for one, other in spans]})


def test_the_next_of_a_rotation_takes_the_days_of_a_vacation_and_keeps_the_own_turn() -> None:
    roster = Roster(schedule(), {"ann": away(("2026-11-04", "2026-11-05"))})
    shifts = list(roster.shifts(at("2026-11-02T09:00Z"), at("2026-11-16T09:00Z")))
    assert [(shift.person, shift.reason.value, shift.until.isoformat()[:16]) for shift in shifts] == [
        ("ann", "rotation", "2026-11-04T00:00"),
        ("ben", "cover", "2026-11-06T00:00"),
        ("ann", "rotation", "2026-11-09T09:00"),
        ("ben", "rotation", "2026-11-16T09:00"),
    ]


def test_when_all_are_away_nobody_is_on_call() -> None:
    people = dict.fromkeys(("ann", "ben", "cem"), away(("2026-11-04", "2026-11-04")))
    roster = Roster(schedule(), people)
    assert roster.gaps(at("2026-11-01T00:00Z"), at("2026-12-01T00:00Z")) == [
        (at("2026-11-04T00:00Z"), at("2026-11-05T00:00Z"))
    ]
    shift = roster.at(at("2026-11-04T12:00Z"))
    assert (shift.person, shift.next, shift.reason) == (None, "ann", Reason.NOBODY)


def test_a_layer_wins_where_it_holds_and_leaves_the_rest() -> None:
    nights = {"name": "nights", "people": ["dia"], "only": [{"from": "22:00", "to": "06:00"}]}
    roster = Roster(schedule(layers=[nights], timezone="Europe/Berlin"))
    assert [roster.at(at(f"2026-11-04T{hour}+01:00")).person for hour in ("21:59", "22:00", "23:59")] == [
        "ann",
        "dia",
        "dia",
    ]
    assert [roster.at(at(f"2026-11-05T{hour}+01:00")).person for hour in ("00:00", "05:59", "06:00")] == [
        "dia",
        "dia",
        "ann",
    ]


def test_a_restricted_schedule_leaves_a_gap_over_the_weekend() -> None:
    roster = Roster(schedule(only=[{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]))
    friday, monday = at("2026-11-06T17:00Z"), at("2026-11-09T09:00Z")
    assert (friday, monday) in roster.gaps(at("2026-11-02T09:00Z"), at("2026-11-12T09:00Z"))


def test_hours_of_the_whole_week_are_no_restriction() -> None:
    roster, free = Roster(schedule(only=[{}])), Roster(schedule())
    for moment in ("1990-01-01T00:00Z", "2026-11-04T12:00Z", "2030-01-01T00:00Z"):
        assert roster.at(at(moment)) == free.at(at(moment))


def test_a_later_change_leaves_the_past_as_it_was() -> None:
    before = Roster(schedule())
    after = Roster(schedule(rotations=[{"starts": "2026-12-07", "people": ["dia", "ann", "ben", "cem"]}]))
    change = at("2026-12-07T09:00Z")
    for hours in range(-24 * 40, 0):
        moment = change + timedelta(hours=hours)
        assert after.at(moment).person == before.at(moment).person
    people = [after.at(change + timedelta(days=7 * week)).person for week in range(5)]
    assert people == ["dia", "ann", "ben", "cem", "dia"]
    assert after.at(change - timedelta(days=7)) == before.at(change - timedelta(days=7)).model_copy(
        update={"next": "dia"}
    )


def test_a_change_may_change_the_rotation_itself() -> None:
    daily = {"starts": "2026-12-10", "people": ["dia", "ann"], "rotation": "daily"}
    roster = Roster(schedule(rotations=[daily], timezone="Europe/Berlin"))
    assert [roster.at(at(f"2026-12-10T{hour}+01:00")).person for hour in ("08:59", "09:00")] == ["cem", "dia"]
    assert roster.at(at("2026-12-11T09:00+01:00")).person == "ann"


def made(person: str, begins: str, ends: str, number: int = 1) -> Override:
    return Override(
        id=str(number), schedule="primary", person=person, from_=at(begins), until=at(ends), by="boss",
        made_at=at("2026-11-01T00:00Z") + timedelta(seconds=number),
    )  # fmt: skip


def test_an_override_counts_before_all_and_the_later_one_before_the_earlier() -> None:
    planned = {"person": "cem", "from": "2026-11-04", "until": "2026-11-04"}
    overrides = [
        made("dia", "2026-11-04T12:00Z", "2026-11-05T12:00Z", 2),
        made("ben", "2026-11-04T11:00Z", "2026-11-04T13:00Z"),
    ]
    vacation = {"dia": away(("2026-11-04", "2026-11-04"))}
    roster = Roster(schedule(overrides=[planned]), vacation, overrides)
    shifts = roster.shifts(at("2026-11-03T23:00Z"), at("2026-11-05T13:00Z"))
    people = [(shift.person, shift.since and shift.since.isoformat()[5:13]) for shift in shifts]
    assert people == [
        ("ann", "11-02T09"),
        ("cem", "11-04T00"),
        ("ben", "11-04T11"),
        ("dia", "11-04T12"),
        ("ann", "11-05T12"),
    ]


def test_a_vacation_is_on_the_clocks_of_its_person() -> None:
    ann = Person.model_validate(
        {"name": "x", "timezone": "Asia/Tokyo", "vacations": [{"from": "2026-11-04", "until": "2026-11-04"}]}
    )
    roster = Roster(schedule(), {"ann": ann})
    assert roster.at(at("2026-11-04T00:00+09:00")).person == "ben"
    assert roster.at(at("2026-11-04T23:59:59+09:00")).person == "ben"
    assert roster.at(at("2026-11-05T00:00+09:00")).person == "ann"


def test_hours_are_types_of_their_own() -> None:
    assert Hours.model_validate({"from": "22:00", "to": "06:00"}) == Hours.model_validate(
        {"from": "22:00", "to": "06:00", "days": [day.value for day in Day]}
    )


def test_a_change_in_another_time_zone_takes_over_before_one_of_an_earlier_day() -> None:
    daily: dict[str, Any] = {"rotation": "daily", "timezone": "UTC"}
    # Midnight on Lord Howe Island is 13:00 UTC of the day before.
    later = [
        {**daily, "handoff": "13:15", "starts": date(2026, 3, 27), "people": ["ben"]},
        {
            **daily,
            "handoff": "00:00",
            "timezone": "Australia/Lord_Howe",
            "starts": date(2026, 3, 28),
            "people": ["cem"],
        },
    ]
    first = {**daily, "handoff": "00:00", "starts": date(2026, 3, 26), "people": ["ann"], "rotations": later}
    roster = Roster(Schedule.model_validate(first))
    over = datetime(2026, 3, 27, 13, tzinfo=UTC)
    before = roster.at(over - STEP)
    assert (before.person, before.until, before.next) == ("ann", over, "cem")
    assert roster.at(over).person == "cem"


def test_a_change_in_another_time_zone_may_begin_before_the_layer_that_it_changes() -> None:
    base = {"rotation": "daily", "people": ["ann"]}
    layer = {
        **base, "handoff": "21:00", "starts": "2026-03-14", "timezone": "America/New_York",
        "rotations": [{**base, "handoff": "00:00", "starts": "2026-03-15", "timezone": "UTC"}],
    }  # fmt: skip
    made = schedule(people=["ben"], starts="2026-03-01", timezone="UTC", layers=[layer])
    roster = Roster(made, {})
    assert roster.at(at("2026-03-14T23:45Z")).until == at("2026-03-15T00:00Z"), (
        "and not 01:00, of the layer's own start"
    )
    assert roster.at(at("2026-03-15T00:30Z")).person == "ann"
