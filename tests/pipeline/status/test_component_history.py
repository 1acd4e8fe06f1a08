"""Bars and uptime: the worst state of each day, no minute counted twice, and no data for days without monitoring."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.model.delivery.public_incident import Condition, Impact, PublicIncident, PublicStatus
from receiver.pipeline.status.component_history import DAYS, component_history, on_day

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=400)


def incident(begins: datetime, ends: datetime | None, impact: Impact = Impact.CRITICAL) -> PublicIncident:
    return PublicIncident(
        id="a", title="t", progress=PublicStatus.RESOLVED, impact=impact, components=("api",), opened_at=begins,
        updated_at=begins, resolved_at=ends,
    )  # fmt: skip


def test_a_day_shows_its_worst_and_its_minutes() -> None:
    night = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)
    two = [incident(night, night + timedelta(hours=1)), incident(night, night + timedelta(minutes=90), Impact.MINOR)]
    found = component_history("api", two, SINCE, NOW)
    assert len(found.days) == DAYS and found.days[-1].day == NOW.date()
    days = {one.day: (one.worst, one.minutes) for one in found.days}
    assert days[date(2026, 11, 28)] == (Condition.MAJOR, 30)
    assert days[date(2026, 11, 29)] == (Condition.MAJOR, 60)
    assert days[date(2026, 11, 30)] == (Condition.OPERATIONAL, 0)


@pytest.mark.parametrize(
    ("impact", "percent"), [(Impact.CRITICAL, "50.00"), (Impact.MAJOR, "85.00"), (Impact.MINOR, "100.00")]
)
def test_uptime_weighs_how_bad_it_was_and_counts_only_what_is_known(impact: Impact, percent: str) -> None:
    since = NOW - timedelta(hours=10)
    found = component_history("api", [incident(since, since + timedelta(hours=5), impact)], since, NOW)
    assert found.percent == percent
    assert [one.worst for one in found.days[:-1]] == [None] * (DAYS - 1)


def test_what_has_just_begun_shows_and_a_minute_of_downtime_is_not_100_percent() -> None:
    found = component_history("api", [incident(NOW, None)], SINCE, NOW)
    assert (found.days[-1].worst, found.days[-1].minutes) == (Condition.MAJOR, 1)
    assert found.percent == "99.99"
    assert component_history("other", [incident(NOW, None)], SINCE, NOW).percent == "100.00"


@pytest.mark.parametrize(("known", "since"), [(35, 35), (57, 48), (3, 0), (0, 0)])
def test_an_outage_right_after_the_first_start_is_no_negative_uptime(known: int, since: int) -> None:
    began = incident(NOW - timedelta(seconds=since), None)
    found = component_history("api", [began], NOW - timedelta(seconds=known), NOW)
    assert 0 <= found.uptime <= 100
    assert found.days[-1].worst is Condition.MAJOR


def test_a_day_names_what_went_on_then() -> None:
    long = incident(NOW - timedelta(days=3), None)
    assert on_day(date(2026, 11, 29), [long], NOW) == [long]
    assert on_day(date(2026, 11, 26), [long], NOW) == []


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 5_000), st.sampled_from(tuple(Impact))), max_size=12))
def test_overlapping_incidents_never_count_a_minute_twice(spans: list[tuple[int, int, Impact]]) -> None:
    begun = NOW - timedelta(days=80)
    times = [(begun + timedelta(minutes=start), timedelta(minutes=lasts), impact) for start, lasts, impact in spans]
    found = component_history("api", [incident(at, at + lasts, impact) for at, lasts, impact in times], SINCE, NOW)
    assert 0 <= found.uptime <= 100
    assert all(0 <= one.minutes <= 1440 for one in found.days)
    minutes = {m for start, lasts, impact in spans if impact in (Impact.CRITICAL, Impact.MAJOR, Impact.MINOR)
               for m in range(start, start + max(1, lasts))}  # fmt: skip
    assert sum(one.minutes for one in found.days) <= len(minutes) + 1
