"""Reviews read every incident once, in pages."""

from __future__ import annotations

import pytest

from receiver.store.incidents import review_record_reader
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from tests.stories.world import World, alert, notification


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
async def test_reads_each_incident_once(world: World, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.open()
    replica = world.one
    for number in range(5):
        await world.post(notification(alert(f"Api{number}"), group=f"api{number}"))
    store = replica.connection
    index = store.keys.named("index")
    async with store.guarded() as client:
        uids = await client.zrange(index, 0, -1)
        # Two before the time range, one of them over and without pending work; three within it, at the same time.
        await client.zadd(index, {uids[0]: 1, uids[1]: 2, **dict.fromkeys(uids[2:], 50)})
        await client.zrem(store.keys.named("open"), uids[0])
    monkeypatch.setattr(review_record_reader, "PAGE", page)
    numbers = [number async for number, _ in ReviewRecordReader(store).since(10)]
    reader = ReviewRecordReader(store)
    (excluded, _), *_ = await reader._part([uids[0]])
    assert sorted(numbers) == [one for one in (f"INC-2026-{n:04}" for n in range(1, 6)) if one != excluded]
