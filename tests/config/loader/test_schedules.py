"""Schedules in the configuration: valid ones, and the positions of mistakes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from receiver.incident.oncall.on_call_shift import on_call
from receiver.model.oncall.schedule_settings import Rotation
from receiver.model.severity_policy import Day
from tests.config.sample import SMALL, problems_of, text_of

FULL = """\
schedules:
  primary:
    handoff: 'Monday 09:00'
    timezone: Europe/Berlin
    starts: 2026-11-02
    people: [ann, boss]
    rotations:
      - {starts: 2026-12-07, people: [boss, ann]}
      - {starts: 2027-01-01, rotation: daily, handoff: '10:00', people: [ann]}
      - {starts: 2027-02-01, people: [boss], only: [{to: '12:00'}]}
    layers:
      - {name: nights, people: [boss], only: [{from: '22:00', to: '06:00'}]}
      - {name: weekends, people: [ann], timezone: UTC, starts: 2026-11-02, only: [{days: [sat, sun]}]}
    overrides:
      - {person: boss, from: 2026-12-24, until: 2026-12-26}
      - {person: ann, from: 2026-12-24T09:00, until: '2026-12-24T12:00:00+01:00'}
"""


def test_everything_at_once() -> None:
    text = SMALL.split("schedules:")[0] + FULL + "channels:\n  console: {kind: log}\n"
    text = text.replace("console: ann}", "console: ann, vacations: [{from: 2026-11-04, until: 2026-11-05}]}")
    config = text_of(text)
    schedule = config.schedules["primary"]
    assert [change.timezone for change in schedule.rotations] == ["Europe/Berlin"] * 3
    assert [change.rotation for change in schedule.rotations] == [Rotation.WEEKLY, Rotation.DAILY, Rotation.DAILY]
    assert [change.handoff for change in schedule.rotations] == ["Monday 09:00", "10:00", "10:00"]
    assert [layer.timezone for layer in schedule.layers] == ["Europe/Berlin", "UTC"]
    assert schedule.layers[1].only[0].days == (Day.SAT, Day.SUN)
    assert schedule.everybody == ("ann", "boss")
    assert config.directory.people_of("on-call", datetime(2026, 11, 4, 12, tzinfo=UTC)) == ("boss",)
    assert config.directory.people_of("on-call", datetime(2026, 12, 24, 10, tzinfo=UTC)) == ("ann",)
    assert config.directory.people_of("on-call", datetime(2026, 12, 26, 22, 59, tzinfo=UTC)) == ("boss",)


def test_what_is_left_out_is_as_it_was() -> None:
    (schedule,) = text_of(SMALL).schedules.values()
    assert (schedule.starts, schedule.layers, schedule.rotations, schedule.only) == (date(2024, 1, 1), (), (), ())
    assert on_call(schedule, datetime(2026, 11, 24, tzinfo=UTC)).person == "ann"


def test_a_gap_leads_to_nobody() -> None:
    config = text_of(SMALL.replace("[ann]}", "[ann], only: [{days: [mon]}]}"))
    assert config.directory.people_of("on-call", datetime(2026, 11, 24, 12, tzinfo=UTC)) == ()
    assert config.directory.backup_of("on-call", datetime(2026, 11, 24, 12, tzinfo=UTC)) == ("boss",)


def test_a_person_of_a_layer_must_be_reachable() -> None:
    text = SMALL.replace("[ann]}", "[ann], layers: [{people: [eve]}]}").replace(
        "  boss: {name", "  eve: {name: E}\n  boss: {name"
    )
    (found,) = problems_of(text)
    assert found.startswith("r.yaml:13:3: people.eve: contact 'on-call' pages this person, who has no address")


WEEK = "write 2026-11-02 or 2026-11-09"
MISTAKES = [
    # (what is added to the schedule, its column from there on, the path and the beginning of the message, a part of it)
    ("layers: [{people: [anne]}]", 19, "layers[0].people[0]: no person", "mean ann?"),
    ("layers: [{peple: [ann]}]", 10, "layers[0].peple: unknown key", "mean people?"),
    ("layers: [{people: [ann], starts: 2026-11-03}]", 9, "layers[0]: 2026-11-03 is not a Monday", WEEK),
    ("layers: [{people: [ann], timezone: Mars}]", 35, "layers[0].timezone: no such time zone", "UTC"),
    ("rotations: [{starts: 2026-11-02, people: [anne]}]", 42, "rotations[0].people[0]: no person", "mean ann?"),
    ("rotations: [{people: [ann]}]", 12, "rotations[0].starts: missing", "starts:"),
    ("rotations: [{starts: 2026-11-03, people: [ann]}]", 12, "rotations[0]: 2026-11-03 is not a Monday", WEEK),
    ("rotations: [{starts: 2026-11-03, people: [ann], rotation: custom}]", 12, "rotations[0]: length and", "both"),
    ("rotations: [{starts: 2023-11-06, people: [ann]}]", -16, ": rotations out of order", "earliest"),
    ("starts: 0001-01-01", 8, "starts: not a day between 1970", "2026-11-02"),
    ("only: [{days: [son]}]", 15, "only[0].days[0]: no such value 'son'", "mean sun?"),
    ("only: [{days: []}]", 14, "only[0].days: empty", "at least one"),
    ("only: [{from: '9'}]", 14, "only[0].from: not a time of day", "09:00"),
    ("overrides: [{person: anne, from: 2026-12-24, until: 2026-12-26}]", 21, "overrides[0].person: no", "mean ann?"),
    ("overrides: [{person: ann, from: 2026-12-24, until: 2026-12-23}]", 12, "overrides[0]: it ends before", "later"),
    ("overrides: [{person: ann, from: 2026-12-32, until: 2027-01-01}]", 32, "overrides[0].from: no such day", "T09:00"),
    ("overrides: [{person: ann, from: 1926-12-24, until: 2027-01-01}]", 32, "overrides[0].from: not a day between", ""),
    (
        "overrides: [{person: ann, from: 25:00, until: 2027-01-01}]",
        32,
        "overrides[0].from: neither a day nor",
        "T09:00",
    ),
    ("overrides: [{person: ann, from: 2026-12-24}]", 12, "overrides[0].until: missing", "until:"),
]


@pytest.mark.parametrize(("added", "column", "begins", "holds"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_with_what_would_be_right(added: str, column: int, begins: str, holds: str) -> None:
    found = problems_of(SMALL.replace("people: [ann]}", f"people: [ann], {added}}}"))
    dot = "" if begins.startswith(":") else "."
    start = f"r.yaml:15:{28 + column}: schedules.primary{dot}{begins}"
    assert any(line.startswith(start) and holds in line for line in found), (start, found)


def test_a_hand_off_is_told_where_messages_are_taken() -> None:
    text = SMALL.replace("people: [ann]}", "people: [ann], handoff_channel: pager}") + "  pager: {kind: pagerduty}\n"
    (found,) = [line for line in problems_of(text) if "handoff_channel" in line]
    assert found.startswith("r.yaml:15:45: schedules.primary.handoff_channel: a channel of kind pagerduty cannot send")
    assert "slack" in found


@pytest.mark.parametrize(
    ("added", "begins", "holds"),
    [
        ("vacations: [{from: 2026-12-24, until: 2026-12-23}]", "12:46: people.ann.vacations[0]: it ends", "later"),
        ("vacations: [{from: 2026-12-24}]", "12:46: people.ann.vacations[0].until: missing", "until:"),
        ("vacations: [{from: 2026-12-24, to: 2026-12-26}]", "12:65: people.ann.vacations[0].to: unknown key", "until"),
        ("vacation: []", "12:34: people.ann.vacation: no channel has this name", "mean vacations?"),
    ],
)  # fmt: skip
def test_a_vacation_is_read_as_strictly(added: str, begins: str, holds: str) -> None:
    found = problems_of(SMALL.replace("console: ann}", f"console: ann, {added}}}"))
    assert any(line.startswith(f"r.yaml:{begins}") and holds in line for line in found), found
