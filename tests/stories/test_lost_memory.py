"""The store comes back empty, or as a backup knew it: what it has lost stands nowhere, what fires is heard again."""

from __future__ import annotations

from redis import Redis

from receiver.model.alert import parse_notification
from receiver.model.command import Acknowledge
from receiver.model.event import Actor, ActorKind
from receiver.model.incident import State
from receiver.pipeline.parts import judged
from tests.conftest import ask
from tests.stories.world import World, alert, notification

DOWN = notification(alert("ApiDown"))
ALICE = Actor(kind=ActorKind.PERSON, name="alice")
STILL = notification(alert("HighErrorRate", labels={"service": "shop"}, annotations={"error_rate": "7.3%"}), group="b")


async def beats(world: World, times: int = 3) -> None:
    for _ in range(times):
        await world.one.work.guarded_beat()
        await world.one.work.idle()


async def test_what_an_empty_store_has_lost_stands_nowhere(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    await world.post(STILL)
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    assert one.mirror.open() == []
    assert one.metrics.loop_errors.labels("beat")._value.get() == 1
    assert await one.incidents.receivers() == {"incident.service"}, "or the reconciler would ask in vain"
    rung = world.pagerduty.rung
    await world.post(DOWN)
    assert [incident.severity for incident in one.mirror.open()] == ["SEV-1"]
    assert world.pagerduty.rung == rung, "the same page keys: nobody is rung twice"
    await world.post(notification(alert("ApiDown", firing=False)))
    await world.forward("16m")
    assert one.mirror.open() == []


async def test_what_it_has_lost_is_paged_in_an_emergency(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    sent = len(world.sent())
    later = notification(alert("ApiDown", starts="2026-11-23T15:00:00Z"))
    made, _ = one.pages.decide(judged(parse_notification(later), one.setting), one.setting, world.clock.now())
    one.pages.send(one.setting, world.clock.now())
    await one.work.idle()
    assert len(world.sent()) == sent + len(made) == sent + 2


async def test_what_a_backup_knew_is_what_stands(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    store = Redis.from_url(store_url)
    backup = {key: store.dump(key) for key in store.keys("*")}
    (incident,) = await world.incidents()
    await one.respond.act(incident.uid, Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    await world.post(STILL)
    ask(store_url, "FLUSHALL", "SYNC")
    for key, value in backup.items():
        store.restore(key, 0, value)
    store.close()
    await beats(world)
    assert [(one.id, one.state) for one in one.mirror.open()] == [(incident.id, State.OPEN)]
    await world.forward("6m")
    assert {"bob", "eng-lead-2"} <= set(world.rung()), "nobody has acknowledged it that the store knew of"
