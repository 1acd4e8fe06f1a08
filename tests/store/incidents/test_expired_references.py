"""References to expired incidents are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from receiver.model.command import AddAction
from receiver.store.incidents.expired_references import ExpiredReferences
from tests.stories.test_escalation import ALICE, HIGH
from tests.stories.world import World, alert, notification


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    made = World(store_url)
    try:
        yield await made.open()
    finally:
        await made.close()


def pointing(client: Any, uid: str) -> dict[str, list[str]]:
    """Return the references to `uid`, by key; rows and operations have their own time to live."""
    found: dict[str, list[str]] = {}
    for key in client.scan_iter():
        name = key.partition(":")[2]
        if name.startswith(("row:", "op:", "key:", "seen:")):
            continue
        kind = client.type(key)
        if kind == "hash":
            fields = [field for field, value in client.hgetall(key).items() if value == uid]
        elif kind == "zset":
            fields = [member for member in client.zrange(key, 0, -1) if member.startswith(uid)]
        elif kind == "set":
            fields = [member for member in client.smembers(key) if member == uid]
        else:
            fields = []
        if fields:
            found[name] = fields
    return found


async def test_all_that_points_to_an_incident_that_expired_while_it_was_open_goes_with_it(world: World) -> None:
    for number in (1, 2):
        await world.post(notification(alert(f"Broken{number}", **HIGH), group=f"g{number}"))
    first, second = await world.incidents()
    await world.one.respond.act(first.id, AddAction(title="x", owner="bob"), ALICE, world.clock.now())
    await world.one.incidents.keep_room("C1", first.uid)
    await world.one.incidents.keep_room("C2", second.uid)
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    named = set(pointing(client, first.uid))
    assert {"ids", "index", "open", "owner", "rooms", "promised", "changed", "due:timer"} <= named
    kept = pointing(client, second.uid)
    tidying, later = ExpiredReferences(world.one.connection), round(world.clock.now().timestamp() * 1000) + 1
    assert await tidying.run(later) == 0, "nothing has expired"
    for name in ("inc", "log", "alerts", "bodies", "receipts"):
        client.delete(f"{world.one.connection.keys.prefix}{name}:{first.uid}")
    assert await tidying.run(later) >= len(named)
    assert {name for name in pointing(client, first.uid) if not name.startswith("due:")} == set()
    assert "due:timer" not in pointing(client, first.uid)
    assert pointing(client, second.uid) == kept
    client.close()
    await world.post(notification(alert("Broken1", starts="2026-11-23T14:10:00Z", **HIGH), group="g1"))
    newest = max(await world.incidents(), key=lambda one: one.id)
    owners = await world.one.incidents.owners([alert("Broken1")["fingerprint"]])
    assert set(owners.values()) == {newest.uid}, "its alerts belong to the open incident"


async def test_it_looks_at_all_of_it_however_much_there_is(world: World) -> None:
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    prefix = world.one.connection.keys.prefix
    client.zadd(f"{prefix}index", {f"{number:024x}": number for number in range(6000)})
    client.hset(f"{prefix}owner", mapping={f"alert {number}": f"{number:024x}" for number in range(6000)})
    assert await ExpiredReferences(world.one.connection).run(10_000) == 12_000
    assert (client.zcard(f"{prefix}index"), client.hlen(f"{prefix}owner")) == (0, 0)
    client.close()
