"""A quota that all replicas share: more urgent requests always get a slot, and none waits for cancelled ones."""

from __future__ import annotations

from receiver.model.delivery.vendor_quota import Quota
from receiver.store.client.connection import Connection
from receiver.store.due.rate_limits import RateLimits


async def test_what_ends_pages_leaves_room_for_what_begins_them(store_url: str) -> None:
    connection = Connection(store_url, "pace")
    pace, now = RateLimits(connection), 1_000_000

    async def waits(quota: Quota, count: int, at: int = now, turn: int = 0) -> list[int]:
        return [(await pace.draw("pager", [quota], at, turn, 30_000))[0] for _ in range(count)]

    ends = Quota(name="key", calls=10, seconds=10, kept=5, rank=2)
    begins = Quota(name="key", calls=10, seconds=10, rank=1)
    assert (await waits(ends, 300))[:8] == [0, 0, 0, 0, 0, 10_000, 12_000, 14_000]
    # Regardless of the number that wait, more urgent requests get their reserved calls, and then go first.
    assert await waits(begins, 7) == [0, 0, 0, 0, 0, 10_000, 11_000]
    assert await waits(ends, 1, now + 10_000, turn=now + 10_000) == [1_000]
    assert await waits(begins, 2, now + 10_000, turn=now + 10_000) == [0, 0]
    # Those three hundred are cancelled: none waits for their turns.
    assert await waits(ends, 1, now + 30_000, turn=now + 600_000) == [0]
    assert await waits(Quota(name="other", calls=1, seconds=60), 1) == [0]
    await connection.close()


async def test_room_is_kept_only_while_something_more_urgent_goes(store_url: str) -> None:
    connection = Connection(store_url, "pace")
    pace, now = RateLimits(connection), 1_000_000
    ends = Quota(name="key", calls=10, seconds=60, kept=7, kept_else=2, rank=2)
    begins = Quota(name="key", calls=10, seconds=60, rank=1)

    async def went(quota: Quota, count: int, at: int) -> int:
        return sum([(await pace.draw("pager", [quota], at, at))[0] == 0 for _ in range(count)])

    assert await went(begins, 1, now) == 1
    assert await went(ends, 9, now + 9_999) == 2
    assert await went(ends, 9, now + 10_000) == 5
    assert await went(begins, 9, now + 10_001) == 2
    await connection.close()
