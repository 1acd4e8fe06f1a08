"""Alerts that Alertmanager no longer has: each alert has its own time, and a missing response proves nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from receiver.model.base import rfc3339
from receiver.model.incident.state import State
from receiver.sources.alertmanager import Address
from receiver.sources.http_client import SourceAnswer
from tests.stories.world import START, World, alert, notification

A, B = "http://am-a:9093", "http://am-b:9093"
LONG_AGO = START - timedelta(days=1)


def knows(world: World, url: str, alerts: Sequence[dict[str, Any]], since: datetime = LONG_AGO) -> None:
    """Let the Alertmanager at `url` answer that it has these alerts and has been running since `since`."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    items = [{**one, "status": status, "receivers": []} for one in alerts]
    world.outside.answers |= {
        f"{url}/api/v2/alerts/groups": SourceAnswer(200, b"[]"),
        f"{url}/api/v2/alerts?": SourceAnswer(200, json.dumps(items).encode()),
        f"{url}/api/v2/status": SourceAnswer(200, json.dumps({"uptime": rfc3339(since)}).encode()),
    }


def is_away(world: World, url: str) -> None:
    world.outside.answers = {at: said for at, said in world.outside.answers.items() if not at.startswith(url)}


async def opened(world: World, *urls: str) -> None:
    await world.open()
    reconcile = world.one.reconcile
    before = reconcile.setting
    reconcile.setting = lambda: replace(before(), alertmanagers=tuple(Address(url) for url in urls))


async def looks(world: World, minutes: float) -> None:
    """Let time pass in checks every half minute."""
    for _ in range(int(minutes * 2)):
        await world.forward("30s")
        await world.one.reconcile.on_timer(world.clock.now())
        await world.quiet()


def mild(number: int) -> dict[str, Any]:
    return alert("DataLag", labels={"instance": f"i{number}"})


def grave(number: int) -> dict[str, Any]:
    return alert("HighErrorRate", labels={"instance": f"i{number}"}, annotations={"error_rate": "7.3%"})


async def firing(world: World) -> tuple[State, int, int]:
    (incident,) = await world.incidents()
    return incident.state, incident.firing, incident.upstream.get("unknown", 0)


async def test_an_alert_that_is_missed_for_a_minute_does_not_end_with_one_missed_for_ten(world: World) -> None:
    await opened(world, A)
    await world.post(notification(mild(1), mild(2)))
    knows(world, A, [mild(2)])
    await looks(world, 10)
    assert await firing(world) == (State.OPEN, 2, 1)
    knows(world, A, [])
    await looks(world, 1)
    assert await firing(world) == (State.OPEN, 1, 1), "the first has ended, the second is missing only now"
    await looks(world, 8)
    assert (await firing(world))[:2] == (State.OPEN, 1)
    await looks(world, 3)
    assert (await firing(world))[0] is State.MONITORING


async def test_who_is_known_again_begins_its_time_anew(world: World) -> None:
    await opened(world, A)
    await world.post(notification(mild(1), mild(2)))
    knows(world, A, [mild(2)])
    await looks(world, 9.5)
    knows(world, A, [mild(1)])
    await looks(world, 1)
    assert await firing(world) == (State.OPEN, 2, 1), "the currently missing one has been missing for a minute"


async def test_an_alert_that_fires_anew_begins_its_time_anew(world: World) -> None:
    await opened(world, A)
    await world.post(notification(mild(1), mild(2)))
    knows(world, A, [mild(2)])
    await looks(world, 9.5)
    # It ends and fires again between two checks, and the queried member of the cluster does not have it yet.
    await world.post(notification(alert("DataLag", firing=False, labels={"instance": "i1"}), mild(2)))
    await world.forward("10s")
    await world.post(notification(mild(1), mild(2)))
    await looks(world, 5)
    assert (await firing(world))[:2] == (State.OPEN, 2)


async def test_the_time_in_which_nobody_answers_is_no_absence(world: World) -> None:
    await opened(world, A)
    await world.post(notification(mild(1)))
    knows(world, A, [])
    await looks(world, 2)
    is_away(world, A)
    await looks(world, 20)
    knows(world, A, [])
    await looks(world, 9)
    assert await firing(world) == (State.OPEN, 1, 1)
    await looks(world, 2)
    assert (await firing(world))[0] is State.MONITORING


async def test_what_one_of_two_knows_is_not_over_when_that_one_is_away(world: World) -> None:
    await opened(world, A, B)
    await world.post(notification(mild(1)))
    knows(world, A, [])
    knows(world, B, [mild(1)])
    await looks(world, 12)
    assert await firing(world) == (State.OPEN, 1, 0)
    is_away(world, B)
    failed = world.one.metrics.loop_errors.labels("reconcile")
    before = failed._value.get()
    await looks(world, 30)
    assert await firing(world) == (State.OPEN, 1, 0), "no member that has it was queried"
    assert failed._value.get() - before >= 60, "each check reports the one that could not be queried"
    knows(world, B, [])
    await looks(world, 12)
    assert (await firing(world))[0] is State.MONITORING


async def test_a_replica_that_did_not_look_for_a_while_does_not_count_that_time(world: World) -> None:
    await opened(world, A)
    await world.post(notification(mild(1)))
    knows(world, A, [])
    await looks(world, 1)
    world.clock.forward(timedelta(minutes=20))
    await looks(world, 1)
    assert (await firing(world))[:2] == (State.OPEN, 1)


async def test_people_are_asked_of_a_grave_one_when_all_its_alerts_are_gone_and_once_each_time(world: World) -> None:
    await opened(world, A)
    await world.post(notification(grave(1), grave(2)))

    async def asked() -> int:
        (incident,) = await world.incidents()
        log = await world.one.incidents.events(incident.uid)
        return sum(event.reason == "unknown_upstream" for event in log)

    knows(world, A, [grave(2)])
    await looks(world, 15)
    assert (await asked(), *await firing(world)) == (0, State.OPEN, 2, 1), "one still fires: it is not over"
    knows(world, A, [])
    await looks(world, 20)
    assert (await asked(), *await firing(world)) == (1, State.OPEN, 2, 2)
    knows(world, A, [grave(1), grave(2)])
    await looks(world, 2)
    knows(world, A, [])
    await looks(world, 15)
    assert (await asked(), *await firing(world)) == (2, State.OPEN, 2, 2)
