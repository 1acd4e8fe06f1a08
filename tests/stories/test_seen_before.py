"""Similar incidents are searched for each incident, even if the store becomes unavailable meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.command import Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.store.client.store_errors import StoreAway
from tests.stories.world import World, alert, notification


async def test_a_store_that_goes_away_in_a_batch_loses_no_look_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await world.open()).one
    await world.post(notification(alert("AuthFailing", labels={"n": "0"}), group="g0"))
    (first,) = await world.incidents()
    alice = Actor(kind=ActorKind.PERSON, name="alice")
    await one.respond.act(first.uid, Resolve(), alice, world.clock.now())
    await one.seen_before.index_changes(world.clock.now())
    await one.seen_before.tell(world.clock.now())
    for n in range(1, 4):
        await world.post(notification(alert("AuthFailing", labels={"n": str(n)}), group=f"g{n}"))
    real, calls = one.seen_before._write_down, []

    async def write(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise StoreAway("away")
        await real(*args)

    monkeypatch.setattr(one.seen_before, "_write_down", write)
    with pytest.raises(StoreAway):
        await one.seen_before.tell(world.clock.now())
    await one.seen_before.tell(world.clock.now())
    assert len(calls) == 3
