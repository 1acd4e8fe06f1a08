"""Incidents with so many alerts that a replica keeps them without the alerts' text: they are written back, too."""

from __future__ import annotations

from typing import Any

from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.pipeline.open_incidents.incident_copies import LARGEST
from tests.conftest import ask
from tests.stories.test_store_data_loss import STILL, Backup, beats, told
from tests.stories.world import World, alert, notification

MANY = LARGEST + 100
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


def many(*, firing: bool = True, extra: int = 0) -> bytes:
    """Return the body of a notification of many alerts of one service."""
    alerts = [alert(labels={"pod": f"api-{number}"}, firing=firing, **HIGH) for number in range(MANY + extra)]
    return notification(*alerts, group="many")


async def by_id(world: World) -> list[Incident]:
    return sorted(await world.incidents(), key=lambda one: one.id)


async def emptied(world: World, url: str) -> None:
    ask(url, "FLUSHALL", "SYNC")
    await beats(world)
    await world.forward("10s")


async def test_it_comes_back_from_who_has_committed_it(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(many())
    await world.post(STILL)
    before, other = await by_id(world)
    log = await one.incidents.events(before.uid)
    rung = world.rung()
    await emptied(world, store_url)
    after, _ = await by_id(world)
    assert (after.uid, after.id, after.firing, after.state) == (before.uid, before.id, MANY, State.OPEN)
    assert (await one.incidents.events(before.uid))[: len(log)] == log
    (said,) = told(world)
    assert f"2 incidents were written back: {before.id}, {other.id}." in said
    assert "lost:" not in said
    # The text of each alert is stored again with its next notification.
    assert await one.incidents.bodies(before.uid) == {}
    await world.post(many(extra=1))
    assert len(await one.incidents.bodies(before.uid)) == MANY + 1
    assert world.rung() == rung
    await world.post(many(firing=False, extra=1))
    await world.forward("16m")
    assert (await by_id(world))[0].state is State.RESOLVED
    assert {page.key for page in before.pages} <= set(world.sent("resolve"))


async def test_it_comes_back_from_who_has_only_heard_of_it(world: World, store_url: str) -> None:
    await world.open(2)
    await world.post(many())
    await world.forward("5s")
    await world.post(many(extra=1))
    await world.forward("5s")
    (before,) = await by_id(world)
    dead = world.replicas.pop(0)
    await dead.settle()
    await dead.close()
    rung = world.rung()
    await emptied(world, store_url)
    (after,) = await by_id(world)
    assert (after.uid, after.version >= before.version, after.firing) == (before.uid, True, MANY + 1)
    assert world.rung() == rung
    await world.forward("16m")
    assert "eng-lead" in world.rung(), "and its escalation continues"


async def test_an_older_store_keeps_what_the_alerts_say(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(many())
    backup = Backup(store_url)
    (incident,) = await by_id(world)
    await world.post(many(extra=1))
    backup.restore()
    await beats(world)
    (after,) = await by_id(world)
    assert after.firing == MANY + 1
    assert len(await one.incidents.bodies(incident.uid)) == MANY
