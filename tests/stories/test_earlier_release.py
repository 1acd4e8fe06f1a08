"""A store filled by an earlier release, which acknowledged unanswered pages at the vendor when all alerts ended.

The samples are the whole store of commit 277331f after: fired, ended (`monitored`), and fired again (`refired`).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from receiver.model.incident.state import State
from receiver.model.oncall.team_settings import Team
from tests.stories.world import World, alert, notification

pytestmark = [pytest.mark.usefixtures("clocks_agree"), pytest.mark.killed_in_turn]

KEPT = Path(__file__).parents[1] / "histories" / "277331f"
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%", "summary": "Error rate 7.3%"}}


async def upgraded(world: World, name: str) -> None:
    """Open a replica of this release on the earlier release's store, including the state of the vendors."""
    kept = json.loads((KEPT / f"store-{name}.json").read_text())
    client = redis.from_url(world.store, decode_responses=True)
    try:
        for key, (kind, value) in kept["keys"].items():
            await _put(client, key, kind, value)
    finally:
        await client.aclose()
    for routing_key, dedup_key, status in kept["pagerduty"]:
        world.pagerduty.alerts[routing_key, dedup_key] = {"status": status, "rung": 1, "triggers": 1, "payload": {}}
    world.clock.forward(datetime.fromisoformat(kept["at"]) - world.clock.now())
    await world.open()
    await world.quiet()


async def _put(client: Any, key: str, kind: str, value: Any) -> None:
    if kind == "string":
        await client.set(key, value)
    elif kind == "hash":
        await client.hset(key, mapping=value)
    elif kind == "list":
        await client.rpush(key, *value)
    elif kind == "set":
        await client.sadd(key, *value)
    else:
        await client.zadd(key, dict(value))


def triggered(world: World) -> list[str]:
    """Return the people whose pages are open and unacknowledged at the vendor."""
    return [key.split("/")[-2] for (_, key), one in world.pagerduty.alerts.items() if one["status"] == "triggered"]


async def test_what_it_was_monitoring_notifies_again_when_it_fires_again(world: World) -> None:
    await upgraded(world, "monitored")
    (incident,) = await world.incidents()
    assert (incident.state, world.sent(), triggered(world)) == (State.MONITORING, [], [])
    await world.post(notification(alert(starts="2026-11-23T14:07:00Z", **HIGH)))
    assert (world.rung(), triggered(world)) == (["alice"], ["alice"])
    assert world.sent("resolve") == [incident.pages[0].key], "the page that it has acknowledged itself"
    assert world.sent()[0].endswith("/2")
    await world.post(notification(alert(firing=False, starts="2026-11-23T14:07:00Z", **HIGH)))
    await world.forward("16m")
    assert (await world.incidents())[0].state is State.RESOLVED
    assert world.pagerduty.open() == []


async def test_what_it_was_monitoring_is_resolved_with_its_page(world: World) -> None:
    await upgraded(world, "monitored")
    await world.forward("15m")
    assert (await world.incidents())[0].state is State.RESOLVED
    assert (world.pagerduty.open(), world.sent()) == ([], [])


async def test_what_fires_and_was_acknowledged_by_nobody_goes_on_calling(world: World) -> None:
    await upgraded(world, "refired")
    (incident,) = await world.incidents()
    assert (incident.state, incident.acknowledged_by) == (State.OPEN, None)
    left = incident.ladder.since
    assert left is not None
    await world.forward("11m")
    assert world.rung() == [], "three of the 15 minutes were over when it ended"
    await world.forward("90s")
    assert sorted(world.rung()) == ["bob", "eng-lead"]
    await world.post(notification(alert(firing=False, starts="2026-11-23T14:07:00Z", **HIGH)))
    assert world.pagerduty.open() == []
    world.clock.forward(timedelta(seconds=30))
    await world.post(notification(alert(starts="2026-11-23T14:25:00Z", **HIGH)))
    assert sorted(triggered(world)) == ["alice", "bob", "eng-lead"]


def own_everything(world: World) -> None:
    """Reload with a team that owns all alerts: Carol is on call for it."""
    team = Team.model_validate({"labels": {"service": "api"}, "contacts": {"on-call": {"person": "carol"}}})
    for replica in world.replicas:
        replica.apply(replica.config.model_copy(update={"teams": {"payments": team}}))


async def test_teams_that_are_added_move_nothing_that_fires(world: World) -> None:
    await upgraded(world, "refired")
    own_everything(world)
    (incident,) = await world.incidents()
    answer = await world.post(notification(alert(starts="2026-11-23T14:07:00Z", **HIGH)))
    assert answer.foremost.incident == incident.id
    assert (len(await world.incidents()), world.rung()) == (1, [])
    await world.post(notification(alert(firing=False, starts="2026-11-23T14:07:00Z", **HIGH)))
    (incident,) = await world.incidents()
    assert (incident.state, incident.team, world.pagerduty.open()) == (State.MONITORING, "", [])


async def test_what_fires_again_belongs_to_the_team_that_was_added(world: World) -> None:
    await upgraded(world, "monitored")
    own_everything(world)
    await world.post(notification(alert(starts="2026-11-23T14:07:00Z", **HIGH)))
    first, second = await world.incidents()
    assert ((first.team, first.state), (second.team, second.state)) == (
        ("", State.MONITORING), ("payments", State.OPEN),
    )  # fmt: skip
    assert world.rung() == ["carol"]
