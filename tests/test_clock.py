"""The clock follows the store's clock, and never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.clock import Clock, FakeClock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_it_stands_until_pushed() -> None:
    clock = FakeClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.forward("15m") == NOON + timedelta(minutes=15) == clock.now()
    assert clock.forward(timedelta(seconds=1)) == NOON + timedelta(minutes=15, seconds=1)
    assert clock.monotonic() == 901


def test_a_moment_without_a_zone_and_a_push_back_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        FakeClock(datetime(2026, 11, 23))
    with pytest.raises(ValueError, match="negative"):
        FakeClock(NOON).forward(timedelta(seconds=-1))


def test_now_is_in_utc_wherever_it_started() -> None:
    assert FakeClock(NOON.astimezone(timezone(timedelta(hours=5)))).now().tzinfo is UTC


def test_the_first_look_at_the_store_is_believed_in_both_directions() -> None:
    for minutes in (-60, 60):
        clock = FakeClock(NOON)
        store = NOON + timedelta(minutes=minutes)
        assert clock.sync(store) == timedelta(minutes=-minutes)
        assert clock.now() == store


def test_half_the_round_trip_is_added() -> None:
    clock = FakeClock(NOON)
    clock.sync(NOON, took=0.5)
    assert clock.now() == NOON + timedelta(seconds=0.25)


def test_a_clock_that_is_behind_catches_up_at_once() -> None:
    clock = FakeClock(NOON)
    clock.sync(NOON)
    assert clock.sync(NOON + timedelta(seconds=3)) == timedelta(seconds=-3)
    assert clock.now() == NOON + timedelta(seconds=3)


def test_a_clock_that_is_ahead_goes_at_half_speed_until_the_store_has_caught_up() -> None:
    clock = FakeClock(NOON)
    clock.sync(NOON)
    assert clock.sync(NOON - timedelta(seconds=10)) == timedelta(seconds=10)
    assert clock.now() == NOON
    assert clock.forward("4s") == NOON + timedelta(seconds=2)
    assert clock.forward("16s") == NOON + timedelta(seconds=10)
    assert clock.forward("1m") == NOON + timedelta(seconds=70)


@given(
    st.lists(
        st.tuples(st.floats(0, 1e4), st.floats(-1e5, 1e5), st.booleans()),
        max_size=30,
    )
)
def test_now_never_decreases_after_the_first_look(steps: list[tuple[float, float, bool]]) -> None:
    clock = FakeClock(NOON)
    clock.sync(NOON)
    last = clock.now()
    for pushed, skew, asked in steps:
        clock.forward(timedelta(seconds=pushed))
        if asked:
            assert clock.now() >= last
            last = clock.now()
            clock.sync(NOON + timedelta(seconds=clock.monotonic() + skew))
        # A microsecond: times are floats in seconds internally.
        assert clock.now() >= last - timedelta(microseconds=1)
        last = max(last, clock.now())


def test_the_real_clock_tells_this_machines_time_until_it_is_told_another() -> None:
    clock = Clock()
    before = datetime.now(UTC)
    assert abs(clock.now() - before) < timedelta(seconds=5)
    assert clock.monotonic() <= clock.monotonic()
    clock.sync(NOON)
    assert NOON <= clock.now() < NOON + timedelta(seconds=5)
