"""The store's clock jumps while people are paged: minute by minute, no page is late, early or repeated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from receiver.clock import FakeClock
from receiver.model.agreed_time import AgreedTime
from receiver.model.base import to_ms
from receiver.store.keys import TIMERS
from tests.stories.world import START, World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
HOUR = timedelta(hours=1)


class JumpingClock(FakeClock):
    """Moves on request, and follows a store whose clock is `ahead` of the true time."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.ahead = timedelta()

    @property
    def true(self) -> datetime:
        return START + timedelta(seconds=self._elapsed)

    def look(self, store_time: datetime, agreed: AgreedTime, took: float = 0.0) -> AgreedTime | None:
        return super().look(self.true + self.ahead, agreed, took)


@pytest.fixture
def clock(world: World) -> JumpingClock:
    world.clock = made = JumpingClock(START)  # type: ignore[assignment]
    return made


async def minutes(world: World, count: int) -> list[tuple[int, str]]:
    """Let that many minutes pass; return who was paged in which minute."""
    rung, told = len(world.rung()), []
    for minute in range(1, count + 1):
        await world.forward("1m")
        told += [(minute, person) for person in world.rung()[rung:]]
        rung = len(world.rung())
    return told


async def test_steps_come_when_they_are_due_whatever_the_stores_clock_does(world: World, clock: JumpingClock) -> None:
    await world.open(2)
    await world.post(notification(alert(**HIGH)))
    straight = world.rung()
    told = []
    for ahead in (-HOUR, HOUR, timedelta()):
        told.append(await minutes(world, 12))
        clock.ahead = ahead
    told.append(await minutes(world, 12))
    calls = [(12 * part + minute, person) for part, found in enumerate(told) for minute, person in found]
    assert straight == ["alice"]
    # The offset from the store's clock decreases meanwhile, which makes a difference of some seconds.
    due = {minute: person for minute, person in calls if person in ("eng-lead", "vp-eng")}
    assert [(minute in (first, first + 1), due[minute]) for minute, first in zip(due, (15, 30), strict=True)] == [
        (True, "eng-lead"), (True, "vp-eng"),
    ]  # fmt: skip
    assert len(set(calls)) == len(calls), "nobody was paged twice"
    assert abs(clock.now() - clock.true) < timedelta(seconds=1)


async def test_a_replica_that_starts_after_the_jump_goes_on(world: World, clock: JumpingClock) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.forward("10m")
    clock.ahead = -HOUR
    await world.quiet()
    world.clock = late = JumpingClock(START - timedelta(days=30))  # type: ignore[assignment]
    late._elapsed, late.ahead = clock._elapsed, clock.ahead
    late._since = late._elapsed
    first = world.replicas.pop()
    await first.settle()
    await first.close()
    await world.replica()
    assert abs(late.now() - late.true) < timedelta(seconds=5)
    assert [person for _, person in await minutes(world, 6)] == ["bob", "eng-lead"]


async def test_a_clock_that_was_a_month_ahead_heals_and_its_incident_goes_on(world: World, clock: JumpingClock) -> None:
    clock.ahead = timedelta(days=30)
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.forward("10m")
    clock.ahead = timedelta()
    await world.quiet()
    assert abs(clock.now() - clock.true) < timedelta(seconds=1)
    told = await minutes(world, 6)
    assert [(minute, person) for minute, person in told if person == "eng-lead"] == [(5, "eng-lead")]
    (incident,) = await world.incidents()
    assert incident.opened_at < clock.now()
    kinds = [event.kind for event in await world.one.incidents.events(incident.uid)]
    assert kinds.count("clock_corrected") == 1
    due = world.one.due
    async with due.connection.guarded() as client:
        rows = await client.zrange(due.keys.due(TIMERS), 0, -1, withscores=True)
    ahead = {member: score - to_ms(clock.now()) for member, score in rows if member.startswith("sys ")}
    assert all(ms <= 32 * 86_400_000 if "monthly" in member else ms <= 6 * 3_600_000 for member, ms in ahead.items())


async def test_the_service_comes_back_to_the_stores_clock_when_nothing_waits(world: World, clock: JumpingClock) -> None:
    await world.open(2)
    clock.ahead = HOUR
    await world.quiet()
    await world.forward("15s")
    await world.quiet()
    assert abs(clock.now() - (clock.true + HOUR)) < timedelta(seconds=15), "nothing is open"
