"""Times that a clock in the future has written are found, and moved back by what it was wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.incident.log.misdated_times import dated_ahead, moved_back
from receiver.model.incident.incident import Incident
from tests.incident.fixtures import NOW, A, B, Store, at, only, part

AHEAD = timedelta(days=2)


def incident(now: datetime = NOW) -> Incident:
    made = Store()
    made.tell(part(A, B), now)
    return only(made)


def test_what_has_happened_does_not_lie_ahead() -> None:
    assert dated_ahead(incident(), at(1)) == timedelta()
    assert dated_ahead(incident(), NOW) == timedelta()


def test_the_latest_time_says_how_far_ahead_it_lies() -> None:
    one = incident(NOW + AHEAD)
    assert dated_ahead(one, NOW) == AHEAD
    later = one.model_copy(update={"ends": (NOW + AHEAD + timedelta(hours=1),)})
    assert dated_ahead(later, NOW) == AHEAD + timedelta(hours=1)


def test_times_after_the_moment_are_moved_back_and_earlier_ones_stay() -> None:
    one = incident(NOW + AHEAD)
    one = one.model_copy(update={"acknowledged_at": NOW - timedelta(hours=1), "ends": (NOW + AHEAD, NOW)})
    moved = one.model_copy(update=moved_back(one, NOW, AHEAD))
    assert (moved.opened_at, moved.acknowledged_at, moved.resolved_at) == (NOW, one.acknowledged_at, None)
    assert moved.ends == (NOW, NOW)
    assert {page.at for page in one.pages} == {NOW + AHEAD}, "somebody was paged"
    assert {page.at for page in moved.pages} == {NOW}
    assert [reach.at for reach in moved.reached] == [NOW for _ in one.reached]
    assert one.ladder.since == NOW + AHEAD
    assert moved.ladder.since == NOW
    assert dated_ahead(moved, NOW) == timedelta()
