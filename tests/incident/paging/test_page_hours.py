"""Pages that wait for page hours are never early and never lost, in every time zone and across clock changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.incident.paging.page_hours import PAGE_HOURS, queued_until
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.policy_snapshot import take_policy_snapshot
from receiver.incident.paging.queued_pages import queued_list
from receiver.incident.response.state_commands import on_command
from receiver.incident.store_outage.emergency_pages import emergency_pages
from receiver.incident.store_outage.incident_summary import summarize
from receiver.incident.timers import on_timer, timers
from receiver.incident.whatif.escalation_forecast import forecast
from receiver.model.command import Acknowledge
from receiver.model.incident.business_hours import next_opening
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import PagingHours
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.model.severity_policy import Day, Escalation, EscalationStep, PageHours, SeveritySettings
from tests.incident.fixtures import DIRECTORY, POLICY, Store, alert, only, part

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
ALICE = Actor(kind=ActorKind.API, name="alice")
STEPS = Escalation(steps=(EscalationStep(after=timedelta(minutes=30), page=("lead",)),))


def hourly(zone: str = "UTC", opens: int = 9, closes: int = 17) -> Policy:
    """Return a policy whose SEV-2 and SEV-3 page only on working days from `opens` to `closes`."""
    hours = PageHours.model_validate({"from": time(opens), "to": time(closes), "timezone": zone})

    def paging(*contacts: str) -> SeveritySettings:
        return SeveritySettings(
            title="Bad", respond_within=timedelta(minutes=5), page=contacts, notify=("executives",),
            escalation="steps", page_hours=hours,
        )  # fmt: skip

    severities = DIRECTORY.severities | {Severity.SEV2: paging("on-call"), Severity.SEV3: paging("on-call")}
    directory = replace(DIRECTORY, severities=severities, escalations={"steps": STEPS})
    return replace(POLICY, directory=directory)


def let_pass(store: Store, since: datetime, until: datetime) -> None:
    """Run every timer between two times, in order."""
    now = since
    for _ in range(500):
        due = [
            (max(at, now), name, uid)
            for uid, incident in store.incidents.items()
            for name, at in timers(incident, store.policy).items()
            if at is not None and at <= until
        ]
        moved = False
        for at, name, uid in sorted(due):
            draft = on_timer(name, store.incidents[uid], store.policy, at)
            if draft is not None:
                store.write(draft)
                now, moved = at, True
                break
        if not moved:
            return
    raise AssertionError("timers never come to rest")


def paged_at(store: Store) -> list[tuple[datetime, str]]:
    return [
        (event.at, event.data["page"]["person"])
        for log in store.logs.values()
        for event in log
        if event.kind is Kind.PAGE
    ]


def night(hour: int = 2, minute: int = 0) -> datetime:
    return MONDAY + timedelta(hours=hour, minutes=minute)


def minor(name: str = "A", *, firing: bool = True, **more: Any) -> Any:
    return part(alert(name, worst=3, firing=firing, **more))


def test_a_page_waits_for_the_hours_and_chat_does_not() -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    incident = only(store)
    assert queued_until(incident) == night(9)
    assert incident.held == f"{PAGE_HOURS}2026-11-23T09:00:00.000Z"
    assert (incident.pages, incident.notified) == ((), ("boss", "cto"))
    queued = next(event for event in store.logs[incident.uid] if event.kind is Kind.PAGE_QUEUED)
    assert queued.text == "pages wait until Mon 2026-11-23 09:00 UTC: SEV-3 pages only during its page hours"
    let_pass(store, night(), night(8, 59))
    assert not paged_at(store)
    let_pass(store, night(8, 59), night(9))
    assert paged_at(store) == [(night(9), "alice")]
    let_pass(store, night(9), night(10))
    assert paged_at(store)[1:] == [(night(9, 5), "bob"), (night(9, 30), "lead")], (
        "backup and escalation continue from then"
    )


def test_within_the_hours_it_pages_at_once() -> None:
    store = Store(hourly())
    store.tell(minor(), night(9))
    assert paged_at(store) == [(night(9), "alice")]
    assert only(store).held is None


@pytest.mark.parametrize("worst", [1])
def test_a_severity_that_does_not_wait_ends_the_wait(worst: int) -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    store.tell(part(alert("B", worst=worst)), night(3))
    assert paged_at(store) == [(night(3), "alice"), (night(3), "lead")]
    assert only(store).held is None


def test_a_worse_severity_that_waits_as_well_goes_on_waiting() -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    store.tell(part(alert("B", worst=2)), night(3))
    assert (paged_at(store), queued_until(only(store))) == ([], night(9))


def test_what_has_ended_before_the_hours_pages_nobody() -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    store.tell(minor(firing=False), night(3))
    let_pass(store, night(3), night(12))
    assert (paged_at(store), only(store).state) == ([], State.RESOLVED)


def test_what_fires_again_before_the_hours_is_paged_when_they_begin() -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    store.tell(minor(firing=False), night(3))
    store.tell(minor(starts=8000), night(3, 5))
    let_pass(store, night(3, 5), night(9))
    assert paged_at(store) == [(night(9), "alice")]


def test_what_fires_again_after_a_page_by_day_waits_for_the_next_day() -> None:
    store = Store(hourly())
    store.tell(minor(), night(16, 50))
    let_pass(store, night(16, 50), night(16, 58))
    store.tell(minor(firing=False), night(16, 58))
    store.tell(minor(starts=65000), night(17, 3))
    let_pass(store, night(17, 3), night(24 + 9))
    assert paged_at(store) == [
        (night(16, 50), "alice"),
        (night(16, 55), "bob"),
        (night(33), "alice"),
        (night(33), "bob"),
    ]


def test_backup_and_escalation_stand_still_at_night() -> None:
    store = Store(hourly())
    store.tell(minor(), night(16, 58))
    let_pass(store, night(16, 58), night(24 + 12))
    assert paged_at(store) == [
        (night(16, 58), "alice"), (night(24 + 9, 3), "bob"), (night(24 + 9, 28), "lead"),
    ], "two minutes by day, the rest from the next morning on"  # fmt: skip


def test_whoever_takes_it_at_night_is_not_paged_in_the_morning() -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    store.write(on_command(Acknowledge(), only(store), store.policy, ALICE, night(3)))
    let_pass(store, night(3), night(12))
    assert (paged_at(store), only(store).state, only(store).held) == ([], State.ACKNOWLEDGED, None)


def test_a_maintenance_window_in_the_morning_holds_on() -> None:
    window = ("upgrade", night(11))
    store = Store(replace(hourly(), windows=lambda labels, now: window if night(8) <= now < night(11) else None))
    store.tell(minor(), night())
    store.tell(part(alert("A", worst=3), alert("B", worst=1)), night(8, 30))
    # The SEV-1 is in the window as well; page hours no longer apply to it.
    assert only(store).held == "maintenance: upgrade"
    assert not paged_at(store)


def test_no_emergency_page_before_the_hours() -> None:
    policy = hourly()
    told = part(alert("A", worst=2))
    assert emergency_pages(told, None, policy, night()) == []
    assert [page.person for page in emergency_pages(told, None, policy, night(9))] == ["alice"]
    assert emergency_pages(part(alert("A", worst=1)), None, policy, night())


def test_the_forecast_says_when_somebody_is_paged() -> None:
    store = Store(hourly())
    verdict = store.tell(minor(), night())
    calls = forecast(only(store), tuple(verdict.events), store.policy)
    assert [(call.minute, call.person) for call in calls if call.way == "page"] == [
        (420, "alice"), (425, "bob"), (450, "lead"),
    ]  # fmt: skip


def test_sev1_has_no_page_hours_whatever_the_file_says() -> None:
    policy = hourly()
    both = policy.directory.severities | {Severity.SEV1: policy.directory.severities[Severity.SEV2]}
    plan = take_policy_snapshot(replace(policy.directory, severities=both), "UTC")
    assert plan.severities[Severity.SEV1].page_hours is None
    assert plan.severities[Severity.SEV2].page_hours == PagingHours(
        days=(0, 1, 2, 3, 4), opens=540, closes=1020, zone="UTC"
    )


def test_the_list_of_what_waited_begins_with_the_worst() -> None:
    store = Store(hourly())
    store.tell(minor(), night())
    store.tell(part(alert("B", worst=2), key="other", group="other"), night(3))
    text = queued_list([summarize(one, store.policy) for one in store.incidents.values()])
    first, worst, milder = text.splitlines()
    assert first == "2 incidents waited for page hours, which begin now:"
    assert ("SEV-2" in worst, "SEV-3" in milder) == (True, True)


spans = st.tuples(st.integers(0, 22), st.integers(1, 23)).map(lambda pair: (pair[0], max(pair[0] + 1, pair[1])))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(moments, spans, st.sets(st.integers(0, 6), min_size=1), st.sampled_from(ZONES))
def test_the_next_opening_is_the_first_one(at: datetime, span: tuple[int, int], days: set[int], zone: str) -> None:
    hours = PagingHours(days=tuple(sorted(days)), opens=span[0] * 60, closes=span[1] * 60, zone=zone)
    found = next_opening(at, hours, zone)

    def inside(moment: datetime) -> bool:
        wall = moment.astimezone(ZoneInfo(zone))
        return wall.weekday() in days and span[0] * 60 <= wall.hour * 60 + wall.minute < span[1] * 60

    if found is None:
        # The hour that the clock repeats in autumn counts twice in the page hours.
        assert inside(at)
        return
    assert found > at
    assert next_opening(found, hours, zone) is None, "it is within the hours"
    steps = int((found - at) / timedelta(minutes=15))
    shown_twice = [
        at + n * timedelta(minutes=15) for n in range(min(steps, 800)) if inside(at + n * timedelta(minutes=15))
    ]
    assert len(shown_twice) <= 8, "only a repeated hour is before it"


moves = st.lists(
    st.tuples(st.sampled_from(["fires", "ends", "worse", "taken", "waits"]), st.integers(1, 900)),
    min_size=3,
    max_size=9,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from([(2026, 3, 27), (2026, 10, 23), (2026, 11, 23)]), moves)
def test_whatever_happens_nobody_is_paged_outside_the_hours_and_nothing_is_lost(
    zone: str, day: tuple[int, int, int], happens: list[tuple[str, int]]
) -> None:
    store, now = Store(hourly(zone)), datetime(*day, tzinfo=UTC)
    clock, began = ZoneInfo(zone), now
    for what, minutes in happens:
        later = now + timedelta(minutes=minutes)
        let_pass(store, now, later)
        now = later
        starts = (now - datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)).total_seconds()
        if what == "taken" and store.open():
            store.write(on_command(Acknowledge(), store.open()[0], store.policy, ALICE, now))
        elif what in ("fires", "worse"):
            store.tell(part(alert("A", worst=2 if what == "worse" else 3, starts=starts)), now)
        elif what == "ends":
            store.tell(minor(firing=False, starts=starts), now)
    end = now + timedelta(days=4)  # across a weekend
    let_pass(store, now, end)
    for at, person in paged_at(store):
        wall = at.astimezone(clock)
        assert wall.weekday() < len(Day) - 2, (person, wall)
        assert time(9) <= wall.time() <= time(17), (person, wall)
    for incident in store.open():
        if incident.state is State.OPEN and incident.firing:
            assert [page for page in incident.pages if page.ring == incident.ring], (incident.state, began)


def test_a_page_keeps_its_fields() -> None:
    """Pages made at the beginning of the hours say so."""
    store = Store(hourly())
    store.tell(minor(), night())
    let_pass(store, night(), night(9))
    (page,) = [Page.model_validate(e.data["page"]) for e in store.logs["uid0"] if e.kind is Kind.PAGE]
    assert page.step == "page_hours"
