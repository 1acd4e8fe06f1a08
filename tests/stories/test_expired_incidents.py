"""Incidents that expire while they are open: references to them are removed, by any replica."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from receiver.model.base import rfc3339
from tests.store.incidents.test_expired_references import pointing
from tests.stories.test_escalation import HIGH
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn


@pytest.fixture
def client(world: World) -> Iterator[Any]:
    made = redis.Redis.from_url(world.store, decode_responses=True)
    yield made
    made.close()


async def test_what_points_to_it_goes_and_its_alert_calls_people_anew(world: World, client: Any) -> None:
    await world.open()
    for number in (1, 2):
        await world.post(notification(alert(f"Broken{number}", **HIGH), group=f"g{number}"))
    await world.forward("5s")
    first, second = sorted(await world.incidents(), key=lambda one: one.id)
    await world.one.incidents.keep_room("C1", first.uid)
    kept = pointing(client, second.uid)
    rung = world.rung()
    # It opened two years ago, and was not changed since.
    prefix, long_ago = world.one.connection.keys.prefix, (world.clock.now() - timedelta(days=730)).timestamp() * 1000
    await world.quiet()
    with client.pipeline(transaction=True) as atomic:
        for name in ("index", "open"):
            atomic.zadd(f"{prefix}{name}", {first.uid: long_ago})
        for name in ("inc", "log", "alerts", "bodies", "receipts"):
            atomic.delete(f"{prefix}{name}:{first.uid}")
        atomic.execute()
    # Expired incidents do not count as lost data, and nobody is paged for them later.
    await world.forward("10m")
    await world.forward("7h")
    assert {name for name in pointing(client, first.uid) if not name.startswith("due:")} == set()
    assert "due:timer" not in pointing(client, first.uid)
    assert {"ids", "index", "open", "owner"} <= set(kept) & set(pointing(client, second.uid))
    assert not [key for key in world.sent()[len(rung) :] if key in {page.key for page in first.pages}]
    await world.post(notification(alert("Broken1", starts=rfc3339(world.clock.now()), **HIGH), group="g1"))
    newest = max(await world.incidents(), key=lambda one: one.id)
    assert newest.id == "INC-2026-0003"
    owners = await world.one.incidents.owners([alert("Broken1")["fingerprint"]])
    assert set(owners.values()) == {newest.uid}
    assert [page.person for page in newest.pages] == ["alice"]
