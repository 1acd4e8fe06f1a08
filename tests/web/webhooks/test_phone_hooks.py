"""POST /hooks/ntfy: responses from phones without a reply topic."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from receiver.model.command import Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from tests.stories.phones import PhoneWorld
from tests.stories.world import alert, notification
from tests.web.conftest import House

PATH = "/hooks/ntfy"


@pytest.fixture
async def phones(store_url: str, patient: None) -> AsyncIterator[PhoneWorld]:
    """A world whose phones respond through the hook."""
    made = PhoneWorld(store_url)
    made.settings = {"answers": "hook"}
    try:
        yield await made.open()
    finally:
        await made.close()


@pytest.fixture
async def house(phones: PhoneWorld, aiohttp_client: AiohttpClient) -> AsyncIterator[House]:
    """Its HTTP server."""
    made = await House(phones, lambda config: config).serve(aiohttp_client)
    try:
        yield made
    finally:
        await made.close()


async def send(house: House, body: str | bytes) -> tuple[int, str]:
    async with house.client.post(PATH, data=body) as response:
        text = await response.text()
        await house.world.quiet()
        return response.status, text


async def paged(phones: PhoneWorld) -> str:
    """Return the request that Alice's button posts."""
    await phones.post(notification(alert("AuthFailing")))
    action = phones.buttons()["Acknowledge"]
    assert action["url"] == "https://incidents.example.com/hooks/ntfy"
    return str(action["body"])


async def test_an_answer_and_the_same_again(house: House, phones: PhoneWorld) -> None:
    body = await paged(phones)
    assert [(await send(house, body))[0] for _ in range(2)] == [200, 200]
    (incident,) = await phones.incidents()
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    assert phones.showing() == []


async def test_too_late(house: House, phones: PhoneWorld) -> None:
    body = await paged(phones)
    (incident,) = await phones.incidents()
    bob = Actor(kind=ActorKind.SLACK, name="bob")
    await phones.one.respond.act(incident.uid, Resolve(), bob, phones.clock.now())
    status, text = await send(house, body)
    assert status == 410
    assert f"{incident.id} is over" in text


async def test_a_thousand_answers_that_are_forged_altered_replayed_or_foreign(house: House, phones: PhoneWorld) -> None:
    body = await paged(phones)
    verb, _, token = body.partition(" ")
    (before,) = await phones.incidents()
    forged = [f"{verb} {secrets.token_urlsafe(32)}" for _ in range(900)]
    altered = [f"{verb} {token[:n]}{'A' if token[n] != 'A' else 'B'}{token[n + 1 :]}" for n in range(len(token))]
    foreign = [f"{other} {token}" for other in ("escalate", "resolve", "ACKNOWLEDGE", "")] * 20
    answers = set()
    for one in (*forged, *altered, *foreign):
        async with house.client.post(PATH, data=one) as response:
            answers.add((response.status, await response.text()))
    assert len(answers) == 1, "none of them learns which part was wrong"
    assert answers.pop()[0] == 404
    assert await phones.incidents() == [before]
    assert (await send(house, body))[0] == 200
    after = await phones.incidents()
    for _ in range(20):
        assert (await send(house, body))[0] == 200
    assert await phones.incidents() == after, "replayed: it is done already"


async def test_strangers_change_nothing_and_learn_nothing(house: House, phones: PhoneWorld) -> None:
    body = await paged(phones)
    (before,) = await phones.incidents()
    wrong = [f"acknowledge {secrets.token_urlsafe(32)}", "", "x", body[:-1], body.replace("acknowledge", "escalate")]
    answers = {await send(house, one) for one in [*wrong, b"\xff\xfe", body + "\x00"]}
    assert {status for status, _ in answers} == {404}
    assert len(answers) == 1, "every wrong answer is told the same"
    assert (await send(house, "x" * 2000))[0] == 413
    async with house.client.get(PATH, params={"answer": body}) as response:
        assert response.status == 405, "a preview of a link does nothing"
    assert await phones.incidents() == [before]


async def test_without_such_a_channel_there_is_nothing(house: House, phones: PhoneWorld) -> None:
    body = await paged(phones)
    push = phones.one.setting.channels["push"]
    push.settings = push.settings.model_copy(update={"answers": "subscribe"})
    assert (await send(house, body))[0] == 404
