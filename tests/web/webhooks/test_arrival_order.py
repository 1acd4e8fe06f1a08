"""Notifications start in order: a few in each loop iteration, the newest first; the oldest are refused in time."""

from __future__ import annotations

import asyncio

import pytest

from receiver.store.client.store_errors import Overloaded
from receiver.web.webhooks import arrival_order
from receiver.web.webhooks.arrival_order import ArrivalOrder


class Line:
    """Senders that wait at one Arrivals."""

    def __init__(self) -> None:
        self.now = 0.0
        self.made = ArrivalOrder(lambda: self.now)
        self.begun: list[int] = []
        self.refused: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []

    def arrive(self, *numbers: int) -> None:
        self.tasks += [asyncio.create_task(self._one(number)) for number in numbers]

    async def _one(self, number: int) -> None:
        try:
            await self.made.enter()
        except Overloaded:
            self.refused.append(number)
        else:
            self.begun.append(number)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(arrival_order, "AT_ONCE", 2)
    return Line()


async def test_a_few_begin_in_each_turn_and_the_newest_first(line: Line) -> None:
    line.arrive(*range(7))
    await asyncio.sleep(0)
    assert line.begun == [0, 1]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert set(line.begun) >= {5, 6}
    assert len(line.begun) <= 6
    await asyncio.gather(*line.tasks)
    assert sorted(line.begun) == list(range(7))
    assert line.begun.index(6) < line.begun.index(2)


async def test_what_waits_too_long_is_refused_and_says_that_the_process_is_late(line: Line) -> None:
    line.arrive(*range(10))
    await asyncio.sleep(0)
    assert not line.made.late
    line.now = arrival_order.LATE + 0.01
    assert line.made.late, "somebody waits"
    line.now = arrival_order.LONGEST + 0.01
    line.arrive(10)
    await asyncio.gather(*line.tasks)
    assert sorted(line.begun + line.refused) == list(range(11))
    assert 2 in line.refused, "the oldest of those that waited"
    assert 10 in line.begun, "the newest"
    assert line.made.late
    line.now += arrival_order.LONGEST + 0.01
    assert not line.made.late


async def test_the_oldest_is_refused_where_too_many_wait(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_order, "MOST", 3)
    line.arrive(*range(7))
    await asyncio.gather(*line.tasks)
    assert sorted(line.refused) == [2, 3]
    assert sorted(line.begun) == [0, 1, 4, 5, 6]


async def test_one_that_is_cancelled_takes_no_turn(line: Line) -> None:
    line.arrive(*range(5))
    await asyncio.sleep(0)
    line.tasks[4].cancel()
    await asyncio.wait(line.tasks)
    assert sorted(line.begun) == [0, 1, 2, 3]


async def test_nobody_waits_where_there_is_time(line: Line) -> None:
    for number in range(20):
        line.arrive(number)
        await asyncio.gather(*line.tasks)
        await asyncio.sleep(0)
    assert line.begun == list(range(20))
    assert not line.made.late


async def test_fewer_begin_after_a_turn_that_took_long(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_order, "AT_ONCE", 8)
    line.made = ArrivalOrder(lambda: line.now)
    line.arrive(*range(60))
    counts = []
    for _ in range(12):
        before = len(line.begun)
        line.now += 0.05 if len(counts) < 8 else 0.0
        await asyncio.sleep(0)
        counts.append(len(line.begun) - before)
    assert counts[0] == 8
    assert max(counts[6:8]) == 1
    assert max(counts[8:]) > 1, "and more again"
    for task in line.tasks:
        task.cancel()
