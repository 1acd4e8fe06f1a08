"""Alerts that Alertmanager mutes by its hours page nobody; after the mute, they have a grace period first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from receiver.model.base import rfc3339
from receiver.sources.alertmanager import Address
from receiver.sources.http_client import SourceAnswer
from tests.stories.test_alertmanager_reconciliation import LONG_AGO, is_away, looks
from tests.stories.world import START, World, alert, notification

A, B = "http://am:9093", "http://am:9094"
ACTIVE: dict[str, Any] = {"state": "active", "silencedBy": [], "inhibitedBy": []}


def muted_from(first: str, last: str) -> str:
    return f"""
route:
  receiver: incident.service
  group_by: [alertname, service]
  routes:
    - matchers: ['quiet="yes"']
      mute_time_intervals: [hours]
receivers: [{{name: incident.service}}]
time_intervals: [{{name: hours, time_intervals: [{{times: [{{start_time: '{first}', end_time: '{last}'}}]}}]}}]
"""


def grave(name: str = "HighErrorRate", **labels: str) -> dict[str, Any]:
    made = alert(name, labels=labels, annotations={"error_rate": "7.3%"})
    made["startsAt"] = rfc3339(START - timedelta(hours=1))
    return made


def answers(
    world: World, url: str, alerts: Sequence[dict[str, Any]], file: str = "", status: dict[str, Any] = ACTIVE
) -> None:
    """Let the Alertmanager at `url` answer with these alerts, each in a group, and with its configuration."""
    items = [{**one, "status": status, "receivers": [{"name": "incident.service"}]} for one in alerts]
    groups = [
        {
            "receiver": {"name": "incident.service"},
            "labels": {name: one["labels"][name] for name in ("alertname", "service") if name in one["labels"]},
            "alerts": [one],
        }
        for one in items
    ]
    told = {"uptime": rfc3339(LONG_AGO), "config": {"original": file}}
    world.outside.answers = {
        f"{url}/api/v2/alerts/groups": SourceAnswer(200, json.dumps(groups).encode()),
        f"{url}/api/v2/alerts?": SourceAnswer(200, json.dumps(items).encode()),
        f"{url}/api/v2/status": SourceAnswer(200, json.dumps(told).encode()),
        **{at: said for at, said in world.outside.answers.items() if not at.startswith(url)},
    }


async def opened(world: World, *urls: str) -> None:
    """Open a world that has received one notification from the receiver, for a finished incident."""
    await world.open()
    reconcile = world.one.reconcile
    before = reconcile.setting
    reconcile.setting = lambda: replace(before(), alertmanagers=tuple(Address(url) for url in urls))
    await world.post(notification(alert("DataLag", labels={"instance": "known"})))


async def names(world: World) -> list[str]:
    return sorted(incident.title for incident in await world.incidents() if "DataLag" not in incident.title)


async def test_a_muted_route_pages_nobody_and_one_beside_it_does(world: World) -> None:
    await opened(world, A)
    loud = grave("IntegrationDown")
    answers(world, A, [grave(quiet="yes"), loud], muted_from("00:00", "24:00"))
    await looks(world, 30)
    (title,) = await names(world)
    assert "IntegrationDown" in title, "alerts outside the hours are reconciled"


async def test_outside_of_its_hours_a_muted_route_is_reconciled_like_any(world: World) -> None:
    await opened(world, A)
    now = world.clock.now()
    first, last = now + timedelta(hours=2), now + timedelta(hours=3)
    answers(world, A, [grave(quiet="yes")], muted_from(f"{first:%H:%M}", f"{last:%H:%M}"))
    await looks(world, 2)
    assert len(await names(world)) == 1


async def test_when_the_hours_end_alertmanager_has_its_time_to_tell(world: World) -> None:
    await opened(world, A)
    last = world.clock.now() + timedelta(minutes=10)
    answers(world, A, [grave(quiet="yes")], muted_from("00:00", f"{last:%H:%M}"))
    await looks(world, 15)
    assert await names(world) == [], "the mute ended five minutes ago: group_interval has not passed"
    await looks(world, 3)
    assert len(await names(world)) == 1


async def test_each_alert_has_a_grace_of_its_own(world: World) -> None:
    await opened(world, A)
    silenced = {**ACTIVE, "state": "suppressed", "silencedBy": ["x"]}
    answers(world, A, [grave()], status=silenced)
    await looks(world, 10)
    assert await names(world) == []
    answers(world, A, [grave(), grave("IntegrationDown")])
    await looks(world, 2)
    (title,) = await names(world)
    assert "IntegrationDown" in title, "the silence of the other has only just ended"
    await looks(world, 6)
    assert len(await names(world)) == 2


async def test_what_a_later_release_calls_muted_is_held_back(world: World) -> None:
    await opened(world, A)
    answers(world, A, [grave()], status={**ACTIVE, "state": "suppressed", "mutedBy": ["nights"]})
    await looks(world, 20)
    assert await names(world) == []
    answers(world, A, [grave()], status={**ACTIVE, "state": "resting"})
    await looks(world, 20)
    assert await names(world) == [], "whatever it is called: a state other than active"


async def test_a_pair_of_which_one_cannot_be_asked_still_mutes_and_still_tells(world: World) -> None:
    await opened(world, A, B)
    hours = muted_from("00:00", "24:00")
    answers(world, A, [grave(quiet="yes")], hours)
    answers(world, B, [grave(quiet="yes"), grave("IntegrationDown")], hours)
    is_away(world, A)
    await looks(world, 20)
    (title,) = await names(world)
    assert "IntegrationDown" in title


async def test_what_only_the_second_of_a_pair_knows_is_not_lost(world: World) -> None:
    await opened(world, A, B)
    answers(world, A, [])
    answers(world, B, [grave()])
    await looks(world, 2)
    assert len(await names(world)) == 1
