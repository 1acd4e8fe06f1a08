"""Pages on phones and their answers: carried out once, for the intended person only."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from receiver.model.command import Acknowledge, Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.pipeline.response.phone_answers import Answered
from receiver.store.client.store_errors import StoreUnreachable
from tests.fakes.ntfy import REPLIES
from tests.stories.phones import PhoneWorld, until
from tests.stories.world import alert, notification

BOB = Actor(kind=ActorKind.SLACK, name="bob")
CHANNELS = ("push",)


@pytest.fixture
async def phones(store_url: str) -> AsyncIterator[PhoneWorld]:
    """A world of phones, without a replica yet."""
    made = PhoneWorld(store_url)
    try:
        yield made
    finally:
        await made.close()


async def the_incident(phones: PhoneWorld) -> Incident:
    (found,) = await phones.incidents()
    return found  # type: ignore[no-any-return]


async def paged(phones: PhoneWorld, replicas: int = 1) -> dict[str, dict[str, Any]]:
    """Return the buttons on Alice's phone after an incident of SEV-2."""
    await phones.open(replicas)
    await phones.post(notification(alert("AuthFailing")))
    assert phones.sounded() == ["alice"]
    return phones.buttons()


async def take(phones: PhoneWorld, text: str) -> Answered:
    answered = await phones.one.phone_answers.take(text, CHANNELS, phones.clock.now())
    await phones.quiet()
    return answered


async def test_a_tap_is_heard_acknowledges_and_stops_the_escalation(phones: PhoneWorld) -> None:
    buttons = await paged(phones)
    assert list(buttons) == ["Acknowledge", "Escalate", "Open"]
    await phones.listen()
    assert await phones.tap(buttons["Acknowledge"]) == 200
    await phones.settled(State.ACKNOWLEDGED)
    incident = await the_incident(phones)
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    assert phones.showing() == [], "cleared on every phone, the one that was tapped and the others"
    await phones.forward("45m")
    assert phones.sounded() == ["alice"]


async def test_escalate_calls_the_next_one_once(phones: PhoneWorld) -> None:
    buttons = await paged(phones, replicas=2)
    await phones.listen()
    for _ in range(3):
        assert await phones.tap(buttons["Escalate"]) == 200
    await until(lambda: len(phones.ntfy.messages) > 4)
    await phones.quiet()
    assert phones.sounded().count("eng-lead") == 1
    assert phones.sounded().count("alice") == 1


async def test_nothing_is_lost_between_two_connections(phones: PhoneWorld) -> None:
    buttons = await paged(phones)
    await phones.listen()
    await phones.tap({"method": "POST", "url": f"{phones.site.url}/ntfy/{REPLIES}", "body": "hello"})
    await until(lambda: bool(phones.one.replies.since))
    phones.ntfy.down = True
    await phones.ntfy.cut_streams()
    await phones.tap(buttons["Acknowledge"])
    phones.ntfy.down = False
    await phones.settled(State.ACKNOWLEDGED)


async def test_what_was_answered_while_no_replica_ran_is_read_at_the_start(phones: PhoneWorld) -> None:
    buttons = await paged(phones)
    await phones.tap(buttons["Acknowledge"])
    await phones.listen()
    await phones.settled(State.ACKNOWLEDGED)


async def test_an_answer_waits_for_the_store(phones: PhoneWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    buttons = await paged(phones)
    monkeypatch.setattr("receiver.pipeline.response.ntfy_replies.STORE_AGAIN", 0.01)
    tokens, failures = phones.one.phone_answers.tokens, [StoreUnreachable("away")] * 3
    find = tokens.find

    async def away(token: str) -> Any:
        if failures:
            raise failures.pop()
        return await find(token)

    monkeypatch.setattr(tokens, "find", away)
    await phones.listen()
    await phones.tap(buttons["Acknowledge"])
    await phones.settled(State.ACKNOWLEDGED)
    assert failures == []


async def test_the_same_person_again_is_done(phones: PhoneWorld) -> None:
    body = (await paged(phones))["Acknowledge"]["body"]
    first, again = await take(phones, body), await take(phones, body)
    assert [first.status, again.status] == [200, 200]
    assert "is acknowledged" in again.text
    events = await phones.one.incidents.events((await the_incident(phones)).uid)
    assert [event.kind for event in events].count(Kind.ACKNOWLEDGED) == 1


async def test_acknowledged_by_somebody_else_meanwhile(phones: PhoneWorld) -> None:
    body = (await paged(phones))["Acknowledge"]["body"]
    incident = await the_incident(phones)
    await phones.one.respond.act(incident.uid, Acknowledge(), BOB, phones.clock.now())
    answered = await take(phones, body)
    assert (answered.status, answered.text) == (200, f"{incident.id} has been acknowledged by bob")
    assert (await the_incident(phones)).acknowledged_by == "bob"


async def test_the_incident_is_over(phones: PhoneWorld) -> None:
    buttons = await paged(phones)
    incident = await the_incident(phones)
    await phones.one.respond.act(incident.uid, Resolve(), BOB, phones.clock.now())
    for label in ("Acknowledge", "Escalate"):
        answered = await take(phones, buttons[label]["body"])
        assert (answered.status, answered.text) == (410, f"{incident.id} is over")
    assert phones.showing() == []


async def test_an_answer_to_an_earlier_page_or_after_a_day_is_too_late(phones: PhoneWorld) -> None:
    body = (await paged(phones))["Acknowledge"]["body"]
    phones.clock.forward(timedelta(hours=24, seconds=1))
    assert (await take(phones, body)).status == 410
    assert (await the_incident(phones)).state is State.OPEN


async def test_a_thousand_forged_altered_replayed_and_foreign_answers_change_nothing(phones: PhoneWorld) -> None:
    buttons = await paged(phones)
    verb, _, token = buttons["Acknowledge"]["body"].partition(" ")
    before = await the_incident(phones)
    forged = [f"acknowledge {secrets.token_urlsafe(32)}" for _ in range(700)]
    altered = [f"{verb} {token[:n]}{'A' if token[n] != 'A' else 'B'}{token[n + 1 :]}" for n in range(len(token))]
    shaped = [f"escalate {token}", f"resolve {token}", token, f" {verb} {token}x", f"{verb} {token}\n{token}", "", "*"]
    for text in [*forged, *altered, *shaped, *["x" * n for n in range(250)]]:
        assert (await phones.one.phone_answers.take(text, CHANNELS, phones.clock.now())).status == 404, text
    other = await phones.one.phone_answers.take(f"{verb} {token}", ("another",), phones.clock.now())
    assert other.status == 404, "a token of another channel"
    assert await the_incident(phones) == before
    assert (await take(phones, f"{verb} {token}")).status == 200
    after = await the_incident(phones)
    for _ in range(100):
        assert (await phones.one.phone_answers.take(f"{verb} {token}", CHANNELS, phones.clock.now())).status == 200
    assert await the_incident(phones) == after, "replayed: answered as done, and nothing is written"


async def test_a_thousand_messages_on_the_reply_topic_that_are_no_answers(phones: PhoneWorld) -> None:
    buttons = await paged(phones)
    verb, _, token = buttons["Acknowledge"]["body"].partition(" ")
    before = await the_incident(phones)
    await phones.listen()
    texts = [f"{verb} {secrets.token_urlsafe(32)}" for _ in range(900)]
    texts += [f"{verb} {token[:n]}{'A' if token[n] != 'A' else 'B'}{token[n + 1 :]}" for n in range(len(token))]
    texts += [f"{other} {token}" for other in ("escalate", "resolve", "")] * 20
    for number, text in enumerate(texts):
        phones.ntfy.publish({**message(number), "message": text})
    last = message(len(texts) - 1)["id"]
    await until(lambda: phones.one.replies.since.get("push") == last)
    assert await the_incident(phones) == before
    assert await phones.tap(buttons["Acknowledge"]) == 200
    await phones.settled(State.ACKNOWLEDGED)
    after = await the_incident(phones)
    for number in range(20):
        phones.ntfy.publish({**message(9000 + number), "message": f"{verb} {token}"})
    await until(lambda: phones.one.replies.since.get("push") == message(9019)["id"])
    assert await the_incident(phones) == after, "replayed: it was already done"


def message(number: int) -> dict[str, Any]:
    """Return a stranger's message on the reply topic."""
    return {"id": f"stranger{number:05}", "time": 1, "event": "message", "topic": REPLIES, "sequence_id": f"s{number}"}


async def test_no_token_is_kept_in_the_store_or_in_a_log(
    phones: PhoneWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    token = (await paged(phones))["Acknowledge"]["body"].partition(" ")[2]
    connection = phones.one.connection
    async with connection.guarded() as client:
        keys = [key async for key in client.scan_iter()]
        values = [await client.get(key) for key in keys if await client.type(key) == "string"]
    assert any("answer:" in key for key in keys)
    assert token not in str(keys) + str(values)
    assert token not in capsys.readouterr().out


async def test_without_the_store_a_page_goes_out_with_a_link(
    phones: PhoneWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await phones.open()

    async def away(made: Any) -> None:
        raise StoreUnreachable("away")

    monkeypatch.setattr(phones.one.phone_answers.tokens, "keep", away)
    await phones.post(notification(alert("AuthFailing")))
    assert list(phones.buttons()) == ["Open"]
