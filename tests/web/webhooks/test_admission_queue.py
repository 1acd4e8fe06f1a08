"""The queue before the store: bounded, urgent groups first, and no request waits longer than its deadline."""

from __future__ import annotations

import asyncio

import pytest

from receiver.clock import Clock
from receiver.model.severity import Severity
from receiver.store.client.store_errors import Overloaded
from receiver.web.http.refusal_log import RefusalLog
from receiver.web.webhooks import admission_queue
from receiver.web.webhooks.admission_queue import Admission, Place


async def queued(made: Admission, name: str, order: list[str], *, urgent: bool, limit: float = 5.0) -> None:
    async with made.turn(limit, lambda: Place.FIRST if urgent else Place.REST):
        order.append(name)
        await asyncio.sleep(0)


async def test_urgent_groups_have_their_turn_first() -> None:
    made, order, go = Admission(Clock().monotonic, turns=1), list[str](), asyncio.Event()

    async def first() -> None:
        async with made.turn(5.0, lambda: Place.REST):
            await go.wait()

    tasks = [asyncio.create_task(first())]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(queued(made, f"rest {n}", order, urgent=False)) for n in range(3)]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(queued(made, f"urgent {n}", order, urgent=True)) for n in range(2)]
    await asyncio.sleep(0)
    assert made.waiting == 5
    go.set()
    await asyncio.gather(*tasks)
    assert order == ["urgent 0", "urgent 1", "rest 0", "rest 1", "rest 2"]
    assert made.waiting == 0


async def test_who_waits_too_long_or_gives_up_leaves_no_turn_behind() -> None:
    made, go = Admission(Clock().monotonic, turns=1), asyncio.Event()

    async def first() -> None:
        async with made.turn(5.0, lambda: Place.REST):
            await go.wait()

    holder = asyncio.create_task(first())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await queued(made, "late", [], urgent=True, limit=0.01)
    gone = asyncio.create_task(queued(made, "gone", [], urgent=True))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert made.waiting == 0
    go.set()
    await holder
    order: list[str] = []
    await queued(made, "next", order, urgent=False, limit=0.01)
    assert order == ["next"]


async def test_one_cancelled_in_the_moment_of_its_turn_passes_it_on() -> None:
    made, order = Admission(Clock().monotonic, turns=1), list[str]()
    async with made.turn(5.0, lambda: Place.REST):
        unlucky = asyncio.create_task(queued(made, "unlucky", order, urgent=True))
        other = asyncio.create_task(queued(made, "other", order, urgent=False))
        await asyncio.sleep(0)
    unlucky.cancel()  # it got its slot, and has not run since
    await asyncio.gather(unlucky, other, return_exceptions=True)
    assert order == ["other"]


def test_requests_and_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_queue, "MOST", 2)
    monkeypatch.setattr(admission_queue, "MOST_BYTES", 1000)
    made = Admission(Clock().monotonic)
    with made.entered() as alone:
        alone(10_000)  # a single one is limited by server.max_body
    with made.entered() as first:
        first(600)
        with pytest.raises(Overloaded), made.entered() as second:
            second(100)
            second(600)
        with made.entered() as third:
            third(400)
            with pytest.raises(Overloaded), made.entered():
                pass
    with made.entered() as again, made.entered() as other:
        again(500)
        other(500)


def test_the_last_severity_of_a_group_is_known_and_forgotten_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_queue, "GROUPS", 2)
    made = Admission(Clock().monotonic)
    made.learn("a", Severity.SEV1)
    made.learn("b", Severity.SEV4)
    made.learn("a", Severity.SEV2)
    assert [made.place(name) for name in "abc"] == [Place.PAGING, Place.REST, Place.REST]
    made.learn("b", Severity.SEV1)
    made.learn("c", Severity.SEV1)
    assert [made.place(name) for name in "abc"] == [Place.REST, Place.FIRST, Place.FIRST]


async def test_a_queue_that_cannot_be_served_in_time_is_crowded_long_before_it_is_full() -> None:
    now = [0.0]
    made, order = Admission(lambda: now[0], turns=1), list[str]()
    async with made.turn(5.0, lambda: Place.REST):
        tasks = [asyncio.create_task(queued(made, str(n), order, urgent=False)) for n in range(20)]
        await asyncio.sleep(0)
        assert not made.crowded
    for _ in range(10):
        now[0] += 0.4  # seconds that each turn takes
        await asyncio.sleep(0)
    assert made.crowded
    await asyncio.gather(*tasks)
    assert not made.crowded, "no request waits"


def test_refusals_have_ten_lines_a_second_and_a_count() -> None:
    made = RefusalLog()
    lines = [made.line(100 + n / 1000) for n in range(50)]
    assert lines == [0] * 10 + [None] * 40
    assert made.line(101.0) == 40
    assert made.line(101.1) == 0
    assert made.line(100.9) == 0, "one that began before is in the second in which it ended"
    assert [made.line(101.2) for _ in range(9)] == [0] * 7 + [None] * 2


async def test_most_turns_are_for_urgent_groups_where_the_process_is_late() -> None:
    made = Admission(Clock().monotonic, turns=8)
    async with made.turn(1.0, lambda: Place.REST):
        made.late = lambda: True
        assert not made.crowded
        async with made.turn(1.0, lambda: Place.REST):
            assert made.crowded
            made.late = lambda: False
            assert not made.crowded


async def test_a_sev_2_is_refused_where_its_turn_would_come_too_late_and_a_sev_1_never() -> None:
    now = [0.0]
    made, order = Admission(lambda: now[0], turns=1), list[str]()
    async with made.turn(5.0, lambda: Place.REST):
        tasks = [asyncio.create_task(queued(made, str(n), order, urgent=True)) for n in range(20)]
        await asyncio.sleep(0)
        assert not made.refuses(Place.PAGING)
    for _ in range(6):
        now[0] += 0.2  # seconds that each turn takes
        await asyncio.sleep(0)
    assert [made.refuses(place) for place in Place] == [False, True, True]
    await asyncio.gather(*tasks)
    assert not made.refuses(Place.PAGING), "no request waits"
