"""The post-mortem as a wiki page: created when an incident ends whose severity requires one, and kept up to date."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from receiver.model.command import AddAction, Declare, Resolve, WritePostmortem
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.severity import Severity
from tests.fakes import jira as fake_jira
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
ONE = "INC-2026-0001"


async def test_it_is_begun_at_the_end_and_follows_the_work(world: World) -> None:
    await world.site.start()
    env: dict[str, Any] = {
        "CONFLUENCE_URL": f"{world.site.url}/wiki",
        "JIRA_USER": fake_jira.USER,
        "JIRA_TOKEN": fake_jira.TOKEN,
    }
    await world.replica(**env, JIRA_URL=world.site.url)
    await world.post(notification(alert("AuthFailing")))
    assert world.confluence.pages == {}
    await world.one.respond.act(ONE, Resolve(), ALICE, world.clock.now())
    await world.forward("30s")
    (page,) = world.confluence.pages.values()
    assert "Post-Incident Review" in str(page)
    action = AddAction(title="Add a canary", owner="bob")
    await world.one.respond.act(ONE, action, ALICE, world.clock.now())
    await world.forward("30s")
    (page,) = world.confluence.pages.values()
    assert "Add a canary" in str(page)
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    assert [event.kind for event in log].count(Kind.POSTMORTEM) == 1


async def test_what_nobody_has_to_write_becomes_a_page_once_somebody_does(world: World) -> None:
    await world.site.start()
    env: dict[str, Any] = {
        "CONFLUENCE_URL": f"{world.site.url}/wiki",
        "JIRA_USER": fake_jira.USER,
        "JIRA_TOKEN": fake_jira.TOKEN,
    }
    await world.replica(**env, JIRA_URL=world.site.url)
    await world.post(notification(alert("Odd", labels={"severity": "warning"})))
    await world.one.respond.act(ONE, Resolve(), ALICE, world.clock.now())
    await world.forward("30s")
    assert world.confluence.pages == {}, "SEV-3: optional"
    await world.one.respond.act(ONE, WritePostmortem(markdown="## What we learnt"), ALICE, world.clock.now())
    await world.forward("30s")
    (page,) = world.confluence.pages.values()
    assert "What we learnt" in str(page)


async def test_many_at_once_keep_to_a_pace_that_the_wiki_takes(world: World) -> None:
    await world.site.start()
    env: dict[str, Any] = {
        "CONFLUENCE_URL": f"{world.site.url}/wiki",
        "JIRA_USER": fake_jira.USER,
        "JIRA_TOKEN": fake_jira.TOKEN,
    }
    await world.replica(paced=True, **env)
    world.confluence.clock = lambda: world.clock.now().timestamp()
    severe = Declare(title="x", severity=Severity.SEV2)
    opened = [await world.one.respond.declare(severe, ALICE, world.clock.now()) for _ in range(40)]
    for done in opened:
        await world.one.respond.act(done.incident.uid, Resolve(), ALICE, world.clock.now())
    for _ in range(50):
        world.clock.forward(timedelta(milliseconds=200))
        await world.quiet()
    assert world.confluence.too_fast == []
    assert len(world.confluence.pages) == 40
