"""A contact that is a PagerDuty service: its own schedule determines who is paged; everything else is unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from receiver.config import Config
from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.oncall.schedule_settings import Contact
from tests.stories.phones import PhoneWorld
from tests.stories.world import alert, notification

KEY = "0f9e8d7c6b5a49382716051423324150"
BOB = Actor(kind=ActorKind.SLACK, name="bob")


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[PhoneWorld]:
    """The contact on-call is a service of PagerDuty; the next step is a person with a phone."""

    def change(config: Config) -> Config:
        on_call = Contact(channel="pager", service=SecretStr(KEY), backup=config.contacts["on-call"].backup)
        return config.model_copy(update={"contacts": {**config.contacts, "on-call": on_call}})

    made = PhoneWorld(store_url)
    made.change = change
    try:
        yield await made.open()
    finally:
        await made.close()


async def test_the_service_is_paged_by_its_key_and_hears_of_the_answer(world: PhoneWorld) -> None:
    await world.post(notification(alert("AuthFailing")))
    (event,) = [entry["body"] for entry in world.pagerduty.taken]
    assert event["routing_key"] == KEY
    assert event["dedup_key"].endswith("/on-call@pagerduty/1")
    (incident,) = await world.incidents()
    assert [(page.contact, page.person) for page in incident.pages] == [("on-call", "on-call@pagerduty")]
    await world.one.respond.act(incident.uid, Acknowledge(), BOB, world.clock.now())
    await world.quiet()
    assert world.sent("acknowledge") == [event["dedup_key"]]
    assert KEY not in str(world.slack.messages)


async def test_its_backup_is_paged_when_nobody_answers(world: PhoneWorld) -> None:
    await world.post(notification(alert("AuthFailing")))
    await world.forward("16m")
    assert "eng-lead" in world.sounded(), "the escalation continues with people"
    assert "bob" in world.sounded() or "carol" in world.sounded(), "and the backup has been paged"
