"""When the store's clock jumps, replicas keep their time, agree on it, and gradually return to the store's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.clock import LONGEST_KEPT, NEAR, SLEW, FakeClock
from receiver.model.agreed_time import AgreedTime

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Stage:
    """A store's clock that may jump, the agreed time, and replicas that read both."""

    def __init__(self, replicas: int = 1) -> None:
        self.real = NOON
        self.jumped = timedelta()
        self.agreed = AgreedTime()
        self.clocks = [FakeClock(NOON - timedelta(days=400)) for _ in range(replicas)]
        self.look()

    @property
    def store(self) -> datetime:
        return self.real + self.jumped

    def look(self, *which: int) -> None:
        """Let all or some replicas read the clock and write their time, as they do every two seconds."""
        for number in which or range(len(self.clocks)):
            clock = self.clocks[number]
            wanted = clock.look(self.store, self.agreed)
            if wanted is not None:
                self.agreed = wanted
            self.agreed = replace(self.agreed, shown_ms=round(clock.now().timestamp() * 1000))

    def forward(self, by: timedelta, every: timedelta = timedelta(seconds=2)) -> None:
        """Advance the time, with reads."""
        end = self.real + by
        while self.real < end:
            step = min(every, end - self.real)
            self.real += step
            for clock in self.clocks:
                clock.forward(step)
            self.look()

    def jump(self, by: timedelta) -> None:
        self.jumped += by
        self.look()

    def started(self) -> FakeClock:
        """Return the clock of another replica, whose machine's date is wrong by years."""
        self.clocks.append(FakeClock(NOON + timedelta(days=30)))
        self.look(-1)
        return self.clocks[-1]


def near(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(milliseconds=5)


def test_the_first_look_is_believed_although_the_machine_is_wrong() -> None:
    stage = Stage()
    assert near(stage.clocks[0].now(), NOON)
    assert near(stage.started().now(), NOON)


@pytest.mark.parametrize("minutes", [-60, 60, -110, 110, -1, 1])
def test_a_jump_of_the_stores_clock_moves_nothing(minutes: int) -> None:
    stage = Stage(2)
    stage.forward(timedelta(minutes=1))
    stage.jump(timedelta(minutes=minutes))
    stage.forward(timedelta(minutes=10))
    assert all(near(clock.now(), stage.real) for clock in stage.clocks)
    assert abs(stage.agreed.offset_ms + minutes * 60_000) < 5
    assert near(stage.started().now(), stage.real), "a replica that starts later shows the same"


def test_the_store_jumps_back_to_where_it_was() -> None:
    stage = Stage(2)
    stage.jump(timedelta(hours=1))
    stage.forward(timedelta(minutes=5))
    stage.jump(timedelta(hours=-1))
    assert abs(stage.agreed.offset_ms) < 5
    assert all(near(clock.now(), stage.real) for clock in stage.clocks)


def test_the_stores_clock_goes_back_while_no_replica_runs() -> None:
    stage = Stage()
    stage.forward(timedelta(minutes=5))
    stage.clocks.clear()
    stage.real += timedelta(seconds=30)
    stage.jumped -= timedelta(hours=1)
    assert near(stage.started().now(), stage.real - timedelta(seconds=30)), "from the last written time"


def test_a_store_that_was_long_without_replicas_is_believed() -> None:
    stage = Stage()
    stage.clocks.clear()
    stage.real += timedelta(hours=9)
    assert near(stage.started().now(), stage.real)
    assert stage.agreed.offset_ms == 0


def test_a_replica_that_was_stopped_follows_the_others() -> None:
    stage = Stage(2)
    stage.real += timedelta(minutes=10)
    stage.clocks[1].forward("10m")  # the first was suspended, and did not count these minutes
    stage.look(1)
    stage.look(0)
    assert all(near(clock.now(), stage.real) for clock in stage.clocks)
    assert stage.agreed.offset_ms == 0


def test_an_answer_that_was_long_under_way_says_nothing() -> None:
    stage = Stage()
    clock = stage.clocks[0]
    clock.forward("40s")  # stopped between the response and now
    assert clock.look(NOON, stage.agreed, took=40.0) is None
    assert near(clock.now(), NOON + timedelta(seconds=40))


@pytest.mark.parametrize("days", [-30, 30])
def test_a_clock_that_was_wrong_by_weeks_is_followed_by_every_replica(days: int) -> None:
    stage = Stage(3)
    stage.jump(timedelta(days=days))
    stage.forward(timedelta(seconds=4))
    assert all(near(clock.now(), stage.store) for clock in stage.clocks)
    assert (stage.agreed.offset_ms, stage.clocks[0].steps) == (0, stage.agreed.steps)


def test_the_distance_gets_smaller_so_slowly_that_no_step_is_late() -> None:
    stage = Stage(2)
    stage.jump(timedelta(hours=1))
    before = abs(stage.agreed.offset_ms)
    for _ in range(360):
        stage.forward(timedelta(seconds=10))
        for clock in stage.clocks:
            stage.agreed = clock.slewed(stage.agreed) or stage.agreed
    assert before - abs(stage.agreed.offset_ms) == pytest.approx(3600_000 * SLEW, abs=200)
    late = [abs((clock.now() - stage.real).total_seconds()) for clock in stage.clocks]
    assert max(late) == pytest.approx(30, abs=0.5)


def test_it_is_set_at_once_where_others_have_agreed_to() -> None:
    stage = Stage(2)
    stage.jump(timedelta(hours=1))
    stage.agreed = AgreedTime(0, stage.agreed.shown_ms, 0, stage.agreed.steps + 1)
    stage.look()
    assert all(near(clock.now(), stage.store) for clock in stage.clocks)
    stage.jump(timedelta(hours=-1))
    stage.agreed = AgreedTime(0, stage.agreed.shown_ms, 0, stage.agreed.steps + 1)
    stage.look()
    assert all(near(clock.now(), stage.store) for clock in stage.clocks), "back as well"


def test_an_emptied_store_is_told_the_time_again() -> None:
    stage = Stage(2)
    stage.jump(timedelta(hours=-1))
    stage.agreed = AgreedTime()
    stage.look()
    assert all(near(clock.now(), stage.real) for clock in stage.clocks)
    assert abs(stage.agreed.offset_ms - 3600_000) < 5


JUMP = st.floats(-LONGEST_KEPT / 4, LONGEST_KEPT / 4).map(lambda s: timedelta(seconds=s))


@given(st.lists(st.tuples(st.sampled_from(["jump", "start", "end"]), JUMP, st.integers(2, 40)), max_size=12))
def test_whatever_the_stores_clock_does_replicas_agree_and_go_on(steps: list[tuple[str, timedelta, int]]) -> None:
    stage = Stage(2)
    for what, by, seconds in steps:
        match what:
            case "jump" if abs(stage.jumped + by) < timedelta(seconds=LONGEST_KEPT):
                stage.jump(by)
            case "start":
                stage.started()
            case "end" if len(stage.clocks) > 1:
                stage.clocks.pop(0)
        stage.forward(timedelta(seconds=seconds))
        # A jump that is not larger than a clock's drift is followed.
        small = timedelta(seconds=NEAR * (len(steps) + 1))
        shown = [clock.now() for clock in stage.clocks]
        assert max(shown) - min(shown) <= timedelta(seconds=NEAR + 0.01)
        assert all(abs(now - stage.real) <= small for now in shown)
