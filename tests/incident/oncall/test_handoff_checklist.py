"""The hand-off checklist is complete, filled with open items, and each item is one line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from receiver.incident.oncall.handoff_checklist import (
    LONGEST,
    HandOff,
    HandoffContents,
    HandoffMaintenance,
    checklist,
    find_handoff,
    handoff_reminder,
    handoff_text,
    next_hand_off,
)
from receiver.incident.oncall.on_call_shift import Roster
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import ActionItem, ActionStatus, ChecklistTick, Mitigation, Roles
from receiver.model.incident.state import State
from receiver.model.oncall.schedule_settings import Schedule
from receiver.model.severity import Decision, Severity

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
HANDING = HandOff("primary", AT, "carol", "alice", AT + timedelta(days=7))
NAMES = {"alice": "Alice", "carol": "Carol"}
NOTHING = HandoffContents((), {}, (), (), (), None)
SEED = [
    "Review open incidents",
    "Review recent alerts (last 24h)",
    "Check ongoing investigations",
    "Verify PagerDuty contact info",
    "Test alerting (if changed)",
    "Review any scheduled maintenance",
    "Brief on known issues",
]
"""The on-call hand-off checklist, item by item."""


def incident(number: int, **more: Any) -> Incident:
    return Incident(
        uid=str(number), id=f"INC-2026-{number:04}", key="k", episode=0, title=more.pop("title", "too slow"),
        severity=more.pop("severity", Severity.SEV2), decision=Decision(severity=Severity.SEV2, rule="r", reasons=()),
        opened_at=AT, started_at=AT, **more,
    )  # fmt: skip


def record(name: str, *, firing: bool, hours: float) -> AlertRecord:
    ms = round((AT - timedelta(hours=hours)).timestamp() * 1000)
    return AlertRecord(
        fingerprint=f"{name}{hours}", firing=firing, starts_ms=ms, ends_ms=None, severity=Severity.SEV2, name=name,
        digest="", seen_ms=ms,
    )  # fmt: skip


def action(n: int, due: date | None, status: ActionStatus = ActionStatus.OPEN) -> ActionItem:
    return ActionItem(n=n, title="Add an index", owner="bob", due=due, status=status, by="x", at=AT)


def item(name: str, standing: HandoffContents) -> list[str]:
    return dict(checklist(HANDING, standing, NAMES))[name]


def test_the_items_are_the_seeds() -> None:
    assert [name for name, _ in checklist(HANDING, NOTHING, NAMES)] == SEED


def test_nothing_to_hand_over_is_said_item_by_item() -> None:
    text = handoff_text(HANDING, NOTHING, NAMES)
    assert text.splitlines()[0] == (
        "On-call hand-off: Alice takes over primary from Carol, until Mon 2026-11-30 09:00 UTC."
    )
    assert [line[4:] for line in text.splitlines() if line.startswith("[ ] ")] == SEED
    for said in ("None is open", "There were none", "None is in progress",
        "Alice has an address on every paging channel",
                 "None before Mon 2026-11-30 09:00 UTC", "No cause is known"):  # fmt: skip
        assert said in text


def test_open_incidents_the_worst_first_with_who_has_them() -> None:
    roles = Roles(incident_commander="eng-lead")
    open_ones = (incident(1), incident(2, severity=Severity.SEV1, roles=roles, state=State.ACKNOWLEDGED))
    assert item("Review open incidents", HandoffContents(open_ones, {}, (), (), (), None)) == [
        "INC-2026-0002 SEV-1 acknowledged: too slow (eng-lead)",
        "INC-2026-0001 SEV-2 open: too slow (no one yet)",
    ]


def test_alerts_of_the_last_day_are_counted_and_older_ones_only_while_they_fire() -> None:
    recent = {
        "1": [record("Slow", firing=True, hours=1), record("Slow", firing=False, hours=2)],
        "2": [record("Old", firing=False, hours=25), record("Lasting", firing=True, hours=99)],
    }
    assert item("Review recent alerts (last 24h)", HandoffContents((), recent, (), (), (), None)) == [
        "Slow: 1 firing, 1 resolved",
        "Lasting: 1 firing, 0 resolved",
    ]


def test_investigations_are_those_that_somebody_works_on() -> None:
    working = incident(
        1, state=State.IDENTIFIED,
        checklist=(ChecklistTick(item=1, by="x", at=AT), ChecklistTick(item=4, by="x", at=AT)),
        mitigations=(Mitigation(n=1, option="rollback", text="", by="x", at=AT),),
    )  # fmt: skip
    found = item("Check ongoing investigations", HandoffContents((working, incident(2)), {}, (), (), (), None))
    assert found == ["INC-2026-0001: 2 of 6 checks done, tried: rollback"]


def test_who_cannot_be_paged_is_told_and_what_has_changed() -> None:
    standing = HandoffContents((), {}, (), (), ("pager",), True)
    assert item("Verify PagerDuty contact info", standing) == ["Alice has no address on pager"]
    assert "has changed" in item("Test alerting (if changed)", standing)[0]
    assert "Nothing has changed" in item("Test alerting (if changed)", HandoffContents((), {}, (), (), (), False))[0]


def test_maintenance_and_what_is_known_and_due() -> None:
    upkeep = (HandoffMaintenance("now and here", None), HandoffMaintenance("database", AT + timedelta(days=1)))
    promised = [
        ("INC-2026-0001", action(1, date(2026, 11, 20))),
        ("INC-2026-0001", action(2, date(2026, 11, 30))),
        ("INC-2026-0001", action(3, date(2026, 12, 1))),
        ("INC-2026-0001", action(4, None)),
        ("INC-2026-0001", action(5, date(2026, 11, 20), ActionStatus.DONE)),
    ]
    standing = HandoffContents((incident(2, cause="a bad\n deployment"),), {}, promised, upkeep, (), None)
    assert item("Review any scheduled maintenance", standing) == [
        "now and here: now", "database: Tue 2026-11-24 09:00 UTC",
    ]  # fmt: skip
    assert item("Brief on known issues", standing) == [
        "INC-2026-0002: a bad deployment",
        "INC-2026-0001 action 1: Add an index (bob, overdue since 2026-11-20)",
        "INC-2026-0001 action 2: Add an index (bob, due 2026-11-30)",
    ]


def test_a_message_is_bounded_and_foreign_text_makes_no_line_of_its_own() -> None:
    loud = incident(1, title="x\n[ ] Brief on nothing\r\u2028y" + "z" * 500)
    recent = {"1": [record(f"A{number}\nB" * 50, firing=True, hours=1) for number in range(50)]}
    text = handoff_text(HANDING, HandoffContents((loud,) * 40, recent, (), (), (), None), NAMES)
    assert len(text) <= LONGEST
    assert "\n[ ] Brief on nothing" not in text
    assert "and 32 more" in text


def test_a_reminder_names_both() -> None:
    assert "Alice, you are on call" in handoff_reminder(HANDING, NAMES)
    assert "Carol, please make sure" in handoff_reminder(HANDING, NAMES)
    alone = HandOff("primary", AT, None, "alice", AT)
    assert handoff_reminder(alone, NAMES).endswith("`receiver oncall accept primary`.")


def roster(**more: Any) -> Roster:
    base = {"handoff": "Monday 09:00", "starts": "2026-11-02", "people": ["alice", "bob", "carol"]}
    return Roster(Schedule.model_validate({**base, **more}))


def test_a_hand_off_is_where_somebody_else_takes_over() -> None:
    found = roster()
    handing = find_handoff("primary", found, found.at(AT + timedelta(days=1)))
    assert handing == HANDING
    assert handing.key == "primary 2026-11-23T09:00:00Z"
    assert next_hand_off("primary", found, AT - timedelta(days=1), AT + timedelta(days=30)) == HANDING
    assert next_hand_off("primary", found, AT, AT + timedelta(days=6)) is None
    later = next_hand_off("primary", found, AT, AT + timedelta(days=30))
    assert later is not None
    assert (later.outgoing, later.incoming, later.at) == ("alice", "bob", AT + timedelta(days=7))


def test_who_follows_themselves_or_nobody_hands_nothing_over() -> None:
    alone = roster(people=["alice"])
    assert find_handoff("primary", alone, alone.at(AT)) is None
    assert next_hand_off("primary", alone, AT, AT + timedelta(days=60)) is None
    before = roster()
    assert find_handoff("primary", before, before.at(AT - timedelta(days=300))) is None


@pytest.mark.parametrize(("hour", "outgoing", "incoming"), [(10, "carol", "alice"), (33, None, None)])
def test_over_a_gap_the_last_one_before_it_hands_over(hour: int, outgoing: str | None, incoming: str | None) -> None:
    office = roster(only=[{"from": "09:00", "to": "17:00"}])
    handing = find_handoff("primary", office, office.at(AT + timedelta(hours=hour - 9)))
    assert (handing and handing.outgoing, handing and handing.incoming) == (outgoing, incoming)
    night = office.at(AT + timedelta(hours=10))
    assert night.person is None
    assert find_handoff("primary", office, night) is None
