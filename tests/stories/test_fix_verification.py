"""Verification of a fix: checks while an incident is monitored."""

from __future__ import annotations

import json
from typing import Any

from receiver.model.command import Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.sources.http_client import SourceAnswer
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
ALICE = Actor(kind=ActorKind.API, name="alice")
HEALTH, PROMETHEUS = "https://api.stratum.ai/health", "http://prometheus:9090/api/v1/query"


def rate(value: str) -> SourceAnswer:
    series = [{"metric": {}, "value": [1, value]}]
    return SourceAnswer(
        200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()
    )


async def watched(world: World, health: int = 200, errors: str = "0.01") -> None:
    await world.open()
    world.outside.answers = {HEALTH: SourceAnswer(health, b""), PROMETHEUS: rate(errors)}
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))


async def state(world: World) -> State:
    (incident,) = await world.incidents()
    found: State = incident.state
    return found


async def texts(world: World, kind: str) -> list[str]:
    (incident,) = await world.incidents()
    return [event.text for event in await world.one.incidents.events(incident.uid) if event.kind == kind]


async def test_all_good_for_the_whole_time_resolves_and_says_what_was_measured(world: World) -> None:
    await watched(world)
    await world.forward("14m")
    assert await state(world) is State.MONITORING
    await world.forward("2m")
    assert await state(world) is State.RESOLVED
    (said,) = await texts(world, "resolved")
    assert "health: returned 200" in said
    assert "5xx rate: 0.01, expected < 0.05" in said


async def test_one_bad_answer_takes_it_back_and_is_said(world: World) -> None:
    await watched(world)
    await world.forward("5m")
    world.outside.answers[PROMETHEUS] = rate("0.09")
    await world.forward("1m")
    assert await state(world) is State.OPEN
    assert await texts(world, "verification_failed") == ["not fixed: 5xx rate: 0.09, expected < 0.05"]
    world.outside.answers[PROMETHEUS] = rate("0.02")
    await world.forward("1m")
    assert await state(world) is State.MONITORING
    await world.forward("14m")
    assert await state(world) is State.MONITORING, "the window starts again"
    await world.forward("2m")
    assert await state(world) is State.RESOLVED


async def test_a_health_address_that_answers_badly_holds_it_open(world: World) -> None:
    await watched(world, health=503)
    await world.forward("30m")
    assert await state(world) is not State.RESOLVED
    assert (await texts(world, "verification_failed"))[0] == "not fixed: health: returned 503, expected 200"


async def test_what_cannot_be_asked_is_said_once_and_holds_nothing_up(world: World) -> None:
    await watched(world)
    world.outside.answers = {}
    await world.forward("16m")
    assert await state(world) is State.RESOLVED
    said = await texts(world, "check_unknown")
    assert len(said) == 1
    assert "nobody answers" in said[0]


async def test_two_replicas_end_the_watch_once(world: World) -> None:
    await watched(world)
    await world.replica()
    await world.forward("16m")
    assert len(await texts(world, "resolved")) == 1


async def test_without_auto_resolve_a_person_is_asked_each_time_and_ends_it(world: World) -> None:
    await world.open()
    incidents = world.one.config.incidents.model_copy(update={"auto_resolve": False})
    world.one.apply(world.one.config.model_copy(update={"incidents": incidents}))
    world.outside.answers = {HEALTH: SourceAnswer(200, b""), PROMETHEUS: rate("0.01")}
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("40m")
    assert await state(world) is State.MONITORING
    assert len(await texts(world, "resolution_proposed")) == 1
    # A proposed resolution is still monitored: a failing check withdraws it, and once it passes, people are asked.
    world.outside.answers[PROMETHEUS] = rate("0.09")
    await world.forward("2m")
    assert await state(world) is State.OPEN
    world.outside.answers[PROMETHEUS] = rate("0.01")
    await world.forward("20m")
    assert await state(world) is State.MONITORING
    assert len(await texts(world, "resolution_proposed")) == 2
    await world.post(notification(alert(starts="2026-11-23T15:30:00Z", **HIGH)))
    assert await state(world) is State.OPEN
    await world.post(notification(alert(firing=False, starts="2026-11-23T15:30:00Z", **HIGH)))
    await world.forward("20m")
    assert len(await texts(world, "resolution_proposed")) == 3
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    assert await state(world) is State.RESOLVED
    assert world.rung()[0] == "alice"
