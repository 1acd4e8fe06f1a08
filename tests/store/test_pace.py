"""A quota that all replicas share: who is more urgent finds room at any time, and nobody waits for who has gone."""

from __future__ import annotations

from receiver.model.quota import Quota
from receiver.store.connection import Connection
from receiver.store.pace import Pace


async def test_what_ends_pages_leaves_room_for_what_begins_them(store_url: str) -> None:
    connection = Connection(store_url, "pace")
    pace, now = Pace(connection), 1_000_000

    async def waits(quota: Quota, count: int, at: int = now, turn: int = 0) -> list[int]:
        return [(await pace.draw("pager", [quota], at, turn, 30_000))[0] for _ in range(count)]

    ends = Quota(name="key", calls=10, seconds=10, kept=5, rank=2)
    begins = Quota(name="key", calls=10, seconds=10, rank=1)
    assert (await waits(ends, 300))[:8] == [0, 0, 0, 0, 0, 10_000, 12_000, 14_000]
    # However many wait, what is more urgent finds its room, and then goes before them.
    assert await waits(begins, 7) == [0, 0, 0, 0, 0, 10_000, 11_000]
    assert await waits(ends, 1, now + 10_000, turn=now + 10_000) == [1_000]
    assert await waits(begins, 2, now + 10_000, turn=now + 10_000) == [0, 0]
    # Those three hundred are gone: nobody waits for their turns.
    assert await waits(ends, 1, now + 30_000, turn=now + 600_000) == [0]
    assert await waits(Quota(name="other", calls=1, seconds=60), 1) == [0]
    await connection.close()
