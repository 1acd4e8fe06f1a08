"""How a replica reads incidents: in pages at the start, then the changes of others, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from bench.open_incidents import put
from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.pipeline.open_incidents import incident_follower
from receiver.store.client.connection import StoreAway
from receiver.web.http.query_parameters import Filters
from receiver.web.incident_queries import queue_of
from tests.stories.test_alertmanager_reconciliation import A, knows, looks, opened
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
ALICE = Actor(kind=ActorKind.API, name="alice")
QUEUE = Filters(
    states=frozenset(),
    severities=frozenset(),
    services=frozenset(),
    teams=frozenset(),
    open=True,
    queue=True,
    limit=10,
    after=None,
)


async def commands(world: World, act: Callable[[], Awaitable[object]]) -> dict[str, int]:
    """Return how often the store ran each command for `act`."""
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    try:
        client.config_resetstat()
        await act()
        stats = client.info("commandstats")
    finally:
        client.close()
    ran = {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}
    return {name: calls for name, calls in ran.items() if name not in ("config|resetstat", "info")}


def counts(world: World, replica: int = 0) -> float:
    registry = world.replicas[replica].metrics.registry
    samples = [one for family in registry.collect() for one in family.samples if one.name == "receiver_incidents_open"]
    return sum(one.value for one in samples)


async def test_what_it_commits_itself_is_not_read_back(world: World) -> None:
    one = (await world.open()).one
    await world.post(notification(alert(**HIGH)))
    await one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.one.work.idle()
    assert await commands(world, one.work.follower.catch_up) == {"zrange": 1}
    assert one.incident_cache.after == await one.incidents.commits()
    assert [known.state for known in one.incident_cache.open()] == [State.ACKNOWLEDGED]


async def test_what_another_commits_is_read_once_and_alone(world: World) -> None:
    await world.open(2)
    await put(world.store, 300, setting=world.one.setting, now=world.clock.now())
    await world.quiet()
    await world.post(notification(alert(**HIGH)))
    other = world.replicas[1]
    await other.work.follower.catch_up()
    assert len(other.incident_cache) == 301
    await world.one.respond.act("INC-2026-0301", Acknowledge(), ALICE, world.clock.now())
    await world.one.work.idle()
    ran = await commands(world, other.work.follower.catch_up)
    # One summary and its version; 300 others are not read.
    assert (ran["evalsha"], ran["hmget"], ran.get("hget", 0)) == (1, 2, 0)
    assert [one.state for one in other.incident_cache.paged(world.sent()[0])] == [State.ACKNOWLEDGED]


@pytest.mark.parametrize("older", [False, True])
async def test_a_start_reads_all_in_pages_and_the_gauge_is_right_then(world: World, older: bool) -> None:
    await world.open(0)
    await put(world.store, 3000, now=world.clock.now(), older=older)
    replica = await world.replica()
    assert 0 < len(replica.incident_cache) < 3000, "it serves requests before everything is read"
    assert (replica.incident_cache.complete, counts(world)) == (False, 0)
    await world.post(notification(alert(**HIGH)))
    assert (replica.incident_cache.complete, len(replica.incident_cache), counts(world)) == (True, 3001, 3001)


async def test_more_than_a_list_that_opened_at_the_same_moment_is_read_whole(world: World) -> None:
    await world.open(0)
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    await put(world.store, 2500)
    client.zadd("{receiver}:open", dict.fromkeys(client.zrange("{receiver}:open", 0, -1), 5))
    client.close()
    replica = await world.replica()
    await replica.work.follower.fill()
    assert (len(replica.incident_cache), replica.incident_cache.complete) == (2500, True)


async def test_a_load_that_broke_off_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (await world.open()).one
    await put(world.store, 500)
    follower = incident_follower.IncidentFollower(
        lambda: one.setting, one.incidents, type(one.incident_cache)(one.metrics)
    )
    read, calls = follower.summaries.read, 0

    async def once(uids: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreAway("gone")
        return await read(uids)

    monkeypatch.setattr(follower.summaries, "read", once)
    with pytest.raises(StoreAway):
        await follower.load()
    assert (len(follower.cache), follower.cache.complete) == (200, False)
    await follower.load()
    assert (len(follower.cache), follower.cache.complete) == (500, True)


async def test_two_that_follow_at_once_read_nothing_twice(world: World) -> None:
    await world.open(2)
    await world.post(notification(alert(**HIGH)))
    other = world.replicas[1]
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.one.work.idle()
    follow = other.work.follower.catch_up
    ran = await commands(world, lambda: asyncio.gather(follow(), follow(), follow()))
    assert ran["evalsha"] == 1


async def test_the_queue_reads_only_what_it_answers_with(world: World) -> None:
    one = (await world.open()).one
    await put(world.store, 1000, setting=one.setting, now=world.clock.now())
    await world.quiet()
    found = []

    async def ask() -> None:
        found.extend(await queue_of(one.work.follower, one.incidents, QUEUE))

    ran = await commands(world, ask)
    assert ran == {"hmget": 10}
    assert [known.uid for known in found] == [f"{number:024x}" for number in range(1, 11)], "the oldest first"


async def test_a_look_of_the_auditor_reads_nothing_that_has_not_changed(world: World) -> None:
    one = (await world.open()).one
    await put(world.store, 1000, setting=one.setting, now=world.clock.now())
    await one.work.follower.catch_up()
    ran = await commands(world, lambda: one.auditor.audit(world.clock.now()))
    assert not {"hmget", "hget", "evalsha"} & set(ran), ran


async def test_the_reconciler_reads_only_what_has_changed_here_or_upstream(world: World) -> None:
    await opened(world, A)
    alerts = [alert("DataLag", labels={"instance": f"i{number}"}) for number in range(5)]
    for number, one in enumerate(alerts):
        await world.post(notification(one, group=f"g{number}"))
    knows(world, A, alerts)
    await looks(world, 1)
    reconcile = world.one.reconcile

    async def read() -> int:
        await world.one.work.follower.catch_up()
        ran = await commands(world, lambda: reconcile.on_timer(world.clock.now()))
        return ran.get("hgetall", 0)

    assert await read() == 0
    knows(world, A, alerts[1:])
    assert await read() >= 1, "incidents that upstream has lost are checked"
    await world.quiet()
    await read()
    await world.one.respond.act("INC-2026-0002", Acknowledge(), ALICE, world.clock.now())
    await world.one.work.idle()
    assert await read() == 1, "a local change is read once"
    assert await read() == 0
    known = sorted(await world.incidents(), key=lambda one: one.id)
    unknown = [one.upstream.get("unknown", 0) for one in known]
    assert unknown == [1, 0, 0, 0, 0]


async def test_a_listener_hears_the_whole_of_what_another_replica_commits(world: World) -> None:
    await world.open(2)
    other = world.replicas[1]
    heard: list[tuple[str, State, int]] = []
    other.incident_cache.listeners.append(lambda one: heard.append((one.id, one.state, len(one.pages))))
    await world.post(notification(alert(**HIGH)))
    await other.work.follower.catch_up()
    assert heard == [], "without listeners, only summaries are read"
    other.incident_cache.listening = lambda: True
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.one.work.idle()
    await other.work.follower.catch_up()
    assert heard == [("INC-2026-0001", State.ACKNOWLEDGED, 1)]


async def test_what_the_public_was_told_of_is_on_the_page_of_every_replica(world: World) -> None:
    await world.open(2)
    await world.post(notification(alert("ApiDown")))
    await world.quiet()
    third = await world.replica()
    for replica in world.replicas:
        (record,) = replica.incident_cache.public.open()
        assert [update.text for update in record.updates if "investigating" in update.text]
    await world.post(notification(alert("ApiDown", firing=False)))
    await world.forward("16m")
    assert [len(replica.incident_cache.public.open()) for replica in (*world.replicas[:2], third)] == [0, 0, 0]
    assert [len(replica.incident_cache.public.over()) for replica in world.replicas] == [1, 1, 1]
