"""Consecutive versions run together: data of the newer one does not stop the older one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from receiver.model.incident.state import State
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def changed(world: World, **more: Any) -> None:
    """Write more into the snapshot of the only incident than this version would."""
    (incident,) = await world.incidents()
    async with world.one.connection.guarded() as client:
        key = world.one.incidents.keys.incident(incident.uid)
        state = orjson.loads(await client.hget(key, "state"))
        await client.hset(key, "state", orjson.dumps(state | more))
        # This version cannot read the later version's summary either.
        await client.hdel(world.one.incidents.keys.named("summaries"), incident.uid)


async def test_a_field_that_only_the_next_version_has_is_left_alone(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    (incident,) = await world.incidents()
    (page,) = incident.model_dump(mode="json")["pages"]
    await changed(world, weather="fine", pages=[page | {"melody": "marimba"}])
    await world.replica()
    await world.forward("16m")
    assert world.rung() == ["alice", "bob", "eng-lead"]
    assert [one.ladder.step for one in await world.one.incidents.listing()] == [1]


@pytest.mark.parametrize("more", [{"state": "pondered"}, {"severity": None}])
async def test_an_incident_that_cannot_be_read_stops_no_other(world: World, more: dict[str, Any]) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await changed(world, **more)
    other = await world.replica()
    await world.post(notification(alert(labels={"service": "b"}, **HIGH), group="b"), to=1)
    for _ in range(17):
        world.clock.forward(timedelta(minutes=1))
        await other.work.guarded_poll()
        await other.work.idle()
    # People who are paged by one decision are paged at the same time, in any order.
    assert sorted(world.rung()) == ["alice", "alice", "bob", "eng-lead"]
    assert other.metrics.loop_errors.labels("timers")._value.get() > 0, "and it is said"
    assert [one.state for one in other.incident_cache.open()] == [State.OPEN]
