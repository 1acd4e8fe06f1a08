"""Deployments before an incident, and the annotation in Grafana's graphs."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from receiver.channels.grafana import Grafana, GrafanaSettings
from receiver.incident.timers import CHANGES
from receiver.model.command import Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.recent_changes import RecentChange
from receiver.replica import Replica
from receiver.sources.github import GitHub
from receiver.sources.http_client import SourceAnswer, SourceError
from tests.fakes.grafana import TOKEN
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "12%"}}
GITHUB = "https://api.github.com/repos/stratum/api"


def deployed(at: str) -> SourceAnswer:
    one = {"id": 1, "ref": "main", "description": "v42", "environment": "production", "created_at": at}
    return SourceAnswer(200, json.dumps([one]).encode())


async def told(world: World) -> list[str]:
    (incident,) = await world.incidents()
    return [e.text for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.CHANGES]


async def test_what_was_deployed_is_told_once_with_the_likely_one_named(world: World) -> None:
    await world.open()
    world.outside.answers = {
        f"{GITHUB}/deployments/1": SourceAnswer(200, b'[{"state":"success"}]'),
        f"{GITHUB}/deployments": deployed("2026-11-23T13:55:02Z"),
        f"{GITHUB}/releases": SourceAnswer(200, b"[]"),
    }
    await world.post(notification(alert(**HIGH)))
    await world.forward("10m")
    (text,) = await told(world)
    likely = "likely deployment v42 (production success), 7 min before: the last change before the incident"
    assert text == f"stratum/api: {likely}"
    (incident,) = await world.incidents()
    assert incident.changes.items[0].name == "v42"
    assert len([url for url in world.outside.asked if url.startswith(GITHUB)]) == 3
    assert any("v42" in str(entry["body"]) for entry in world.slack.taken), "where people read it"


async def test_github_that_does_not_answer_holds_nothing_up_and_is_said(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    assert world.rung(), "paged at once"
    await world.forward("4m")
    assert await told(world) == []
    await world.forward("3m")
    (text,) = await told(world)
    assert text.startswith("stratum/api: recent changes are not known: ")
    await world.forward("10m")
    assert len(await told(world)) == 1


async def test_a_failure_that_is_remembered_holds_nothing_of_its_request(world: World) -> None:
    await world.open()
    await world.post(notification(alert("HighErrorRate", **HIGH)))
    await world.quiet()
    ((_, error),) = world.one.changes._failed.values()
    assert (error.__traceback__, error.__context__) == (None, None)


async def test_a_slow_answer_about_a_repository_gathers_no_tasks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.open()
    for number in range(5):
        await world.post(notification(alert(f"Broken{number}", **HIGH), group=f"g{number}"))
    asking, answer, asked = asyncio.Event(), asyncio.Event(), []

    async def slow(self: GitHub, repository: str) -> list[RecentChange]:
        asked.append(repository)
        asking.set()
        await answer.wait()
        raise SourceError("timeout", "no response from api.github.com within 10 s")

    monkeypatch.setattr(GitHub, "changes", slow)
    failures = world.one.metrics.loop_errors.labels(CHANGES)
    before = failures._value.get()
    look, first, *others = world.one.changes.on_timer, *[incident.uid for incident in await world.incidents()]
    world.clock.forward(timedelta(seconds=61))
    waiting = asyncio.create_task(look(first, world.clock.now()))
    await asking.wait()
    for uid in others:
        await look(uid, world.clock.now())
    assert not waiting.done(), "no other incident waits for the response"
    answer.set()
    await waiting
    for uid in others:
        await look(uid, world.clock.now())
    assert asked == ["stratum/api"], "its failure counts for every incident of the repository"
    assert failures._value.get() == before + 1, "and is logged and counted once"
    world.clock.forward(timedelta(seconds=31))
    await look(others[0], world.clock.now())
    assert asked == ["stratum/api"] * 2


async def test_a_service_without_a_repository_is_not_asked_about(world: World) -> None:
    await world.open()
    await world.post(notification(alert(labels={"service": "dashboard"}, **HIGH)))
    await world.forward("10m")
    assert not [url for url in world.outside.asked if "api.github.com" in url]


def marking(replica: Replica, url: str) -> None:
    """Let a replica annotate incidents at the fake, as with `links.grafana.token`."""
    links = replica.config.links
    assert links.grafana is not None
    grafana = links.grafana.model_copy(update={"url": url, "token": SecretStr(TOKEN)})
    replica.apply(replica.config.model_copy(update={"links": links.model_copy(update={"grafana": grafana})}))


async def test_the_time_of_an_incident_is_marked_once(world: World) -> None:
    await world.open()
    marking(world.one, world.site.url)
    channel = world.one.setting.channels["grafana"]
    assert isinstance(channel, Grafana)
    assert isinstance(channel.settings, GrafanaSettings)
    await world.post(notification(alert(**HIGH)))
    (mark,) = world.grafana.annotations.values()
    assert "timeEnd" not in mark
    (incident,) = await world.incidents()
    await world.forward("20m")
    alice = Actor(kind=ActorKind.PERSON, name="alice")
    await world.one.respond.act(incident.id, Resolve(), alice, world.clock.now())
    await world.quiet()
    (mark,) = world.grafana.annotations.values()
    assert mark["timeEnd"] == round(world.clock.now().timestamp() * 1000)
    assert incident.id in mark["text"]
