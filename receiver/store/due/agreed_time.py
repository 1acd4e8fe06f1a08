"""The key `clock`: the time that replicas have agreed on, and work that is dated too far ahead of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from receiver.model.agreed_time import AgreedTime
from receiver.store.client.connection import Connection, Script
from receiver.store.keys import TIMERS, Keys
from receiver.store.stored_numbers import stored_number

AGREE = Script("due/agree_on_time")
CAP = Script("due/cap_due_times")
FIELDS = ("offset", "shown", "slewed", "steps")
MOST = 1000
"""Number of timers that are read in one round trip."""


def agreed_of(values: Sequence[str | None]) -> AgreedTime:
    """Parse the values of FIELDS."""
    offset, shown, slewed, steps = values
    was = stored_number(shown)
    return AgreedTime(stored_number(offset), was or None, stored_number(slewed), stored_number(steps))


class AgreedTimes:
    """The agreement of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys: Keys = connection.keys

    async def read(self) -> tuple[int, AgreedTime]:
        """Return the store's clock in milliseconds, and the agreed time. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.time()
            pipe.hmget(self.keys.named("clock"), FIELDS)
            (seconds, micro), values = await pipe.execute()
        return seconds * 1000 + micro // 1000, agreed_of(values)

    async def agree(self, before: AgreedTime, on: AgreedTime) -> bool:
        """Agree on `on` if the current agreement is still `before`; return whether it succeeded. Raises StoreAway."""
        args = (before.offset_ms, before.steps, on.offset_ms, on.shown_ms, on.slewed_ms, on.steps)
        return bool(await self.connection.run(AGREE, [self.keys.named("clock")], args))

    async def show(self, now_ms: int) -> None:
        """Write the time of this replica's clock. Raises StoreAway."""
        await self.connection.call("HSET", self.keys.named("clock"), "shown", now_ms)

    async def quiet(self, lanes: Sequence[str], until_ms: int) -> bool:
        """Return whether only timers of the service itself are due until then. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for lane in lanes:
                pipe.zcard(self.keys.due(lane))
            pipe.zrange(self.keys.due(TIMERS), "-inf", until_ms, byscore=True, offset=0, num=MOST)
            *rows, timers = await pipe.execute()
        return not any(rows) and all(member.startswith("sys ") for member in timers)

    async def cap_rows(self, lanes: Mapping[str, int], now_ms: int) -> int:
        """Make rows due now that are due further ahead than their lane's longest wait (ms); return how many.

        Raises StoreAway.
        """
        found = 0
        for lane in await self._far(lanes, now_ms):
            found += await self.connection.run(CAP, [self.keys.due(lane)], [self.keys.prefix, now_ms, lanes[lane], 1])
        return found

    async def _far(self, lanes: Mapping[str, int], now_ms: int) -> list[str]:
        # Usually there are none in any lane: one round trip, and no script.
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for lane, longest_ms in lanes.items():
                pipe.zcount(self.keys.due(lane), f"({now_ms + longest_ms}", "+inf")
            counts = await pipe.execute()
        return [lane for lane, count in zip(lanes, counts, strict=True) if count]

    async def cap_timers(self, longest_ms: Mapping[str, int], now_ms: int) -> list[str]:
        """Make timers due now that are due further ahead than their longest wait (ms); return them.

        Raises StoreAway.
        """
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for member in longest_ms:
                pipe.zscore(self.keys.due(TIMERS), member)
            scores = await pipe.execute()
            far = [
                member
                for (member, longest), score in zip(longest_ms.items(), scores, strict=True)
                if score is not None and score > now_ms + longest
            ]
            if far:
                await client.zadd(self.keys.due(TIMERS), dict.fromkeys(far, now_ms), xx=True, lt=True)
        return far

    async def far_timers(self, after_ms: int) -> list[str]:
        """Return the members of the timers that are due later than that. Raises StoreAway."""
        async with self.connection.guarded() as client:
            found: list[Any] = await client.zrange(
                self.keys.due(TIMERS), f"({after_ms}", "+inf", byscore=True, offset=0, num=100_000
            )
        return found
