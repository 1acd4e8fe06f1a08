"""Values of a later version in every kind of key: no notification gets a 500, and others are paged as usual."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from receiver.model.alert.alert import parse_notification
from receiver.model.base import rfc3339
from receiver.store.client.connection import StoreAway
from receiver.store.client.store_errors import StoreLostData
from tests.stories.test_store_data_loss import Backup, beats
from tests.stories.world import START, World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
QUEUE: dict[str, Any] = {**HIGH, "labels": {"service": "queue"}}
SHOP: dict[str, Any] = {**HIGH, "labels": {"service": "shop"}}
VALUES = ("of tomorrow", '[99, "tomorrow"]')
COUNTED = ("commits", "changed", "number", "board:rev", "replica")
"""Counters, which have only one form: the scripts of every release increase them."""


async def everything(world: World) -> None:
    """Write data under as many kinds of keys as one story can."""
    one = (await world.open()).one
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert("Full", firing=False, **QUEUE), group="queue"))  # an end without a beginning
    for firing in (True, False, True):  # the last has the startsAt of its own end, and is held
        await world.post(notification(alert("Slow", firing=firing, **SHOP), group="shop"))
    until = rfc3339(START + timedelta(hours=5))
    override = {"schedule": "primary", "person": "bob", "from": rfc3339(START), "until": until, "by": "alice"}
    await one.shared_documents.put("override", "o1", override)
    await world.forward("5s")


def places(client: Any) -> Iterator[tuple[str, str, str]]:
    """Return a key, its type and a field for each kind of value that the store has."""
    seen = set()
    for key in sorted(client.scan_iter()):
        name = key.partition(":")[2]
        kind, form = name.partition(":")[0], client.type(key)
        if name.startswith(COUNTED) or form in ("zset", "set"):
            continue  # members are names
        for field in client.hkeys(key) if form == "hash" else [""]:
            place = (kind, field if kind in ("inc", "row", "memory", "clock") else "")
            if place not in seen:
                seen.add(place)
                yield key, form, field


def write(client: Any, key: str, form: str, field: str, value: str) -> None:
    if form == "hash":
        client.hset(key, field, value)
    elif form == "list":
        client.rpush(key, value)
    else:
        client.set(key, value)


async def tell(world: World, body: bytes, *, again: bool = True) -> str:
    """Return "" for a response, including 503, and otherwise the error."""
    try:
        await world.one.intake.accept(parse_notification(body), world.clock.now())
    except StoreLostData as condition:
        # It is refused until the next poll has begun to write back, and then sent again.
        await beats(world, 1)
        return await tell(world, body, again=False) if again else f"503 for ever: {condition}"
    except StoreAway as condition:
        return "" if condition.condition == "incident_unreadable" else f"503 for ever: {condition}"
    except Exception as error:
        return f"500: {error!r}"
    return ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("value", VALUES)
async def test_no_value_of_a_later_version_stops_the_rest(world: World, store_url: str, value: str) -> None:
    await everything(world)
    backup, wrong, count = Backup(store_url), [], 0
    client: Any = Redis.from_url(store_url, decode_responses=True)
    for count, (key, form, field) in enumerate(list(places(client))):
        write(client, key, form, field, value)
        rung = world.pagerduty.rung
        said = [
            await tell(world, notification(alert(annotations={"error_rate": "7.9%"}))),
            await tell(world, notification(alert("Full", **QUEUE), group="queue")),
            await tell(world, notification(alert("Slow", starts="2026-11-23T14:05:00Z", **SHOP), group="shop")),
            await tell(world, notification(alert(firing=False, **HIGH))),
            await tell(
                world, notification(alert(f"New{count}", labels={"service": f"new-{count}"}, **HIGH), group=f"n{count}")
            ),
        ]
        world.one.work.renew()
        await beats(world, 3)
        if world.pagerduty.rung <= rung:
            said.append("nobody is paged anymore")
        wrong += [f"{key} {field}: {one}" for one in said if one]
        backup.restore()
        world.one.work.recovery.copies.forget_wanted()
        await beats(world, 2)
        world.clock.forward("6s")
        await beats(world, 2)
    client.close()
    backup.restore()
    assert count > 30, "there are many kinds of values"
    assert wrong == []
