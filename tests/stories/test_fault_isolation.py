"""One broken item among many: the others are processed as if it did not exist."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.config.settings.ingest_settings import Watchdog
from receiver.model.command import Close, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.pipeline.alerts import alert_storm, alertmanager_reconciliation, watchdog
from receiver.pipeline.delivery import orphaned_rows
from tests.fakes import Answer
from tests.stories.test_alertmanager_reconciliation import A, grave, knows, opened
from tests.stories.test_removed_channel import without
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.PERSON, name="alice")


def spoiling(given: Any, spoiled: str) -> Any:
    """Return `given`, which fails for items that mention `spoiled`."""

    def act(*args: Any, **more: Any) -> Any:
        if spoiled in str(args):
            raise ValueError("an unexpected error")
        return given(*args, **more)

    return act


async def test_an_unreadable_row_does_not_keep_other_pages_from_the_fallback_channel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    world.pagerduty.script.extend([Answer(status=503)] * 20)
    for service in ("a", "b"):
        await world.post(notification(alert("AuthFailing", labels={"service": service}), group=service))
    async with world.one.connection.guarded() as client:
        # Their leases end at the same time: from then on, the first one is always claimed first.
        lane = world.one.connection.keys.due("pager!")
        rows = await client.zrange(lane, 0, -1)
        await client.zadd(lane, dict.fromkeys(rows, world.clock.now().timestamp() * 1000))
        first = (await client.zrange(lane, 0, 0))[0].split(" ", 1)[0]
    (second,) = (one for one in await world.incidents() if one.uid != first)
    monkeypatch.setattr(orphaned_rows, "_owed", spoiling(orphaned_rows._owed, first))
    without(world.one, "pager")
    for _ in range(24):
        world.clock.forward("5s")
        await world.one.work.guarded_poll()
        await world.one.work.idle()
    letters = (await world.one.due.letters.all()).values()
    assert [letter["incident"] for letter in letters] == [second.id]
    assert world.one.metrics.loop_errors.labels("tend")._value.get() > 0


async def test_an_incident_that_cannot_be_compared_does_not_stop_the_reconciliation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(world, A)
    for number in (1, 2):
        await world.post(notification(grave(number), group=f"g{number}"))
    spoiled, other = await world.incidents()
    monkeypatch.setattr(
        alertmanager_reconciliation,
        "on_alertmanager_answer",
        spoiling(alertmanager_reconciliation.on_alertmanager_answer, spoiled.uid),
    )
    knows(world, A, [])
    for _ in range(6):
        await world.forward("2m")
        await world.one.reconcile.on_timer(world.clock.now())
    found = {one.uid: one.upstream.get("unknown", 0) for one in await world.incidents()}
    assert found == {spoiled.uid: 0, other.uid: 1}


async def test_a_watchdog_that_cannot_be_looked_at_hides_the_silence_of_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await world.open()).one
    ingest = one.config.ingest.model_copy(update={"watchdog": Watchdog(group_by=("cluster",))})
    one.apply(one.config.model_copy(update={"ingest": ingest}))
    await world.post(notification(*(alert("Watchdog", labels={"cluster": name}) for name in ("eu", "us"))))
    monkeypatch.setattr(watchdog, "watchdog_key", spoiling(watchdog.watchdog_key, "eu"))
    await world.forward("6m")
    assert [incident.title for incident in await world.incidents()] == [
        'Alerting is silent: alerts of cluster="us" may not reach anyone'
    ]
    assert world.rung() == ["alice"]


async def test_an_incident_that_cannot_be_let_out_of_a_storm_keeps_no_other_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    for number in range(24):
        body = alert("HighErrorRate", labels={"service": f"s{number}"}, annotations={"error_rate": "7.3%"})
        await world.post(notification(body, group=f"g{number}"))
    incidents = await world.incidents()
    held = sorted(one.uid for one in incidents if one.held == "storm")
    (over,) = (one for one in incidents if one.storm)
    release, spoiled = alert_storm.release_from_storm, next(iter(await world.one.incidents.children(over.uid)))

    def failing(draft: Any, *given: Any) -> None:
        if draft.incident.uid == spoiled:
            raise ValueError("an unexpected error")
        release(draft, *given)

    monkeypatch.setattr(alert_storm, "release_from_storm", failing)
    assert spoiled in held
    for command in (Resolve(), Close()):
        await world.one.respond.act(over.uid, command, ALICE, world.clock.now())
    for _ in range(8):
        world.clock.forward("15s")
        await world.one.work.guarded_poll()
        await world.one.work.idle()
    assert [one.uid for one in await world.incidents() if one.held == "storm"] == [spoiled]
    monkeypatch.setattr(alert_storm, "release_from_storm", release)
    await world.forward("1m")
    assert not any(one.held for one in await world.incidents())


async def test_an_unreadable_shared_document_does_not_affect_others(world: World) -> None:
    one = (await world.open()).one
    board = one.connection.keys.named("board")
    async with one.connection.guarded() as client:
        await client.hset(board, mapping={"override/x": "{", "override/y": "[]", "maintenance/z": '"?"'})
    shift = {"schedule": "primary", "person": "carol", "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z"}
    await one.shared_documents.put("override", "o", {**shift, "by": "bob", "made_at": "2026-11-23T00:00:00Z"})
    await world.quiet()
    await world.post(notification(alert("AuthFailing")))
    assert "carol" in world.rung()


async def test_shared_documents_that_cannot_be_read_delay_no_due_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await world.open()).one
    await world.post(notification(alert("ApiDown")))

    async def failing() -> int:
        raise ValueError("an unexpected error")

    monkeypatch.setattr(one.work, "read_shared_documents", failing)
    await one.shared_documents.put("override", "o", {})
    for _ in range(30):
        world.clock.forward("10s")
        await one.work.guarded_poll()
        await one.work.idle()
    assert {"bob", "eng-lead-2"} <= set(world.rung())
    assert one.metrics.loop_errors.labels("beat")._value.get() == 1, "it is read again when it has changed"
