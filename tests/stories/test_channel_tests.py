"""A test through each channel of the reference: it is marked as a test, mentions nobody, and leaves nothing open."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from receiver.model.incident.event import Actor, ActorKind
from receiver.pipeline.delivery.channel_test import ChannelTestResult
from tests.fakes import Answer, jira, statuspage
from tests.fakes.smtp import FakeSmtp
from tests.stories.world import World

ADMIN = Actor(kind=ActorKind.API, name="admin")
DOWN = Answer(status=503)


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    made = FakeSmtp()
    await made.start()
    yield made
    await made.stop()
    assert made.failures == []


async def tried(world: World, name: str, person: str | None = None) -> ChannelTestResult:
    """Test a channel."""
    return await world.one.channel_test.test(name, person, ADMIN, world.clock.now())


async def test_every_channel_of_the_reference(world: World, server: FakeSmtp) -> None:
    await world.site.start()
    site = world.site.url
    await world.replica(
        JIRA_URL=site, CONFLUENCE_URL=f"{site}/wiki", JIRA_USER=jira.USER, JIRA_TOKEN=jira.TOKEN,
        STATUSPAGE_KEY=statuspage.KEY, HOOK_URL=f"{site}/hook", SMTP_URL=f"smtp://127.0.0.1:{server.port}?tls=never",
    )  # fmt: skip
    people = {"pager": "alice", "mail": "alice"}
    for name in world.one.setting.channels:
        found = await tried(world, name, people.get(name))
        assert (found.outcome, bool(found.ref)) == ("ok", True), found
    said = "Test message, sent by admin"
    (message,) = world.slack.messages
    assert said in message["text"]
    assert "<@" not in str(message)
    assert "<!" not in str(message)
    assert said in str(world.hook.taken[-1])
    assert said in str(server.mails[-1][2]["Subject"])
    assert said in world.pagerduty.taken[0]["body"]["payload"]["summary"]
    assert world.pagerduty.open() == []
    assert (world.jira.issues, world.confluence.seen, world.page.incidents) == ({}, 0, {})


async def test_a_page_that_cannot_be_ended_now_is_ended_later(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([Answer(202, taken=True), *[DOWN] * 3])
    found = await tried(world, "pager", "alice")
    assert (found.outcome, "could not be resolved" in found.detail) == ("ok", True)
    assert len(world.pagerduty.open()) == 1
    await world.forward("2m")
    assert world.pagerduty.open() == []
    assert world.sent("trigger") == world.sent("resolve")


async def test_a_page_of_which_nobody_knows_whether_it_rings_is_ended(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(Answer(reset="after"))
    found = await tried(world, "pager", "alice")
    assert found.outcome == "connection"
    assert (world.pagerduty.rung, world.pagerduty.open()) == (1, [])
