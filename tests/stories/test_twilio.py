"""Pages by phone: pressed keys, answers by SMS, reports, and forged requests."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from receiver.channels.twilio.channel import TwilioSettings
from receiver.config import Config
from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.store.client.store_errors import StoreUnreachable
from tests.fakes import Answer, FakeTwilio
from tests.fakes.twilio import FROM, SID, TOKEN, Signed, signed
from tests.stories.phones import PhoneWorld
from tests.stories.world import START, alert, notification
from tests.web.conftest import House

ALICE, LEAD, STRANGER = "+15550101", "+15550102", "+15550666"
BASE = "https://incidents.example.com"
SMS = f"{BASE}/hooks/twilio/sms"
STEPS = [{"after": "0s", "by": "phone", "how": "sms"}, {"after": "2m", "by": "phone", "how": "call"}]


class TwilioWorld(PhoneWorld):
    """Alice and the lead have phones."""

    def __init__(self, store: str) -> None:
        super().__init__(store)
        self.twilio = FakeTwilio()
        self.twilio.clock = lambda: self.clock.now().timestamp()
        self.site.vendors = (*self.site.vendors, self.twilio)
        self.people = {"alice": {"phone": ALICE, "push": ""}, "eng-lead": {"phone": LEAD, "push": ""}}
        self.change = self._add

    def _add(self, config: Config) -> Config:
        given = {"account_sid": SID, "auth_token": TOKEN, "from": FROM, "api_url": self.site.url}
        channels = {**config.channels, "phone": TwilioSettings.model_validate(given)}
        return config.model_copy(update={"channels": channels})

    def rung(self) -> list[tuple[float, str, str]]:
        """Return what was sent, in order: minutes after the start, how, and to whom."""
        names, found = {ALICE: "alice", LEAD: "lead"}, []
        for one in (*self.twilio.messages, *self.twilio.calls):
            after = (parsedate_to_datetime(one["date_created"]).replace(tzinfo=UTC) - START).total_seconds()
            found.append((round(after / 60, 1), "sms" if one["body"] else "call", names[one["to"]]))
        return sorted(found)


@pytest.fixture
async def world(store_url: str, patient: None) -> AsyncIterator[TwilioWorld]:
    """No replica yet."""
    made = TwilioWorld(store_url)
    try:
        yield made
    finally:
        await made.close()


class TwilioHouse(House):
    """The server that Twilio posts to."""

    async def take(self, request: Signed) -> tuple[int, str]:
        """Post a request of Twilio; return status and text."""
        async with self.client.post(request.path, data=request.body, headers=request.headers) as response:
            text = await response.text()
            await self.world.quiet()
            return response.status, text


Opened = Callable[[], Awaitable[TwilioHouse]]


@pytest.fixture
def opened(world: TwilioWorld, aiohttp_client: AiohttpClient) -> Opened:
    """Call it to open the replica and its HTTP server."""

    async def open_house() -> TwilioHouse:
        await world.open()
        return await TwilioHouse(world, lambda config: config).serve(aiohttp_client)

    return open_house


@pytest.fixture
async def house(world: TwilioWorld, opened: Opened) -> AsyncIterator[TwilioHouse]:
    """The HTTP server of one replica; Alice has been called about an incident of SEV-2."""
    made = await opened()
    await world.post(notification(alert("AuthFailing")))
    try:
        yield made
    finally:
        await made.close()


async def the(world: TwilioWorld) -> Incident:
    (found,) = await world.incidents()
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("key", "state", "said"),
    [
        ("4", State.ACKNOWLEDGED, "is acknowledged"), ("5", State.OPEN, "is escalated"),
        ("6", State.RESOLVED, "is resolved"), ("*", State.OPEN, "Press 4"), ("9", State.OPEN, "Press 4"),
    ],
)  # fmt: skip
async def test_each_key(world: TwilioWorld, house: TwilioHouse, key: str, state: State, said: str) -> None:
    status, text = await house.take(world.twilio.press(key))
    assert (status, said in text) == (200, True), text
    incident = await the(world)
    assert incident.state is state
    assert incident.acknowledged_by == ("alice" if key == "4" else None)
    assert [who for _, _, who in world.rung()].count("lead") == (1 if key == "5" else 0)
    assert world.twilio.calls[-1]["status"] == "in-progress", "the call continues: the answer is spoken"


async def test_the_same_key_again_is_done_and_a_later_one_is_told_by_whom(
    world: TwilioWorld, house: TwilioHouse
) -> None:
    incident = await the(world)
    for _ in range(2):
        assert "is acknowledged" in (await house.take(world.twilio.press("4")))[1]
    events = await world.one.incidents.events(incident.uid)
    assert [event.kind for event in events].count(Kind.ACKNOWLEDGED) == 1


async def test_too_late_and_by_whom(world: TwilioWorld, house: TwilioHouse) -> None:
    bob, incident = Actor(kind=ActorKind.SLACK, name="bob"), await the(world)
    await world.one.respond.act(incident.uid, Acknowledge(), bob, world.clock.now())
    assert "has been acknowledged by bob" in (await house.take(world.twilio.press("4")))[1]
    await house.take(world.twilio.press("6"))
    assert "is over" in (await house.take(world.twilio.press("5")))[1]


async def test_without_the_store_a_key_is_asked_for_again(
    world: TwilioWorld, house: TwilioHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, request = world.one.phone_answers.tokens, world.twilio.press("4")

    async def away(token: str) -> Any:
        raise StoreUnreachable("away")

    monkeypatch.setattr(tokens, "find", away)
    status, text = await house.take(request)
    assert (status, "was not recorded" in text, "<Gather" in text) == (200, True, True)
    monkeypatch.undo()
    assert "is acknowledged" in (await house.take(request))[1]


async def test_sms_first_then_a_call_and_an_answer_ends_both(world: TwilioWorld, opened: Opened) -> None:
    world.people["alice"]["page_by"] = STEPS
    house = await opened()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("90s")
    assert world.rung() == [(0, "sms", "alice")]
    await world.forward("1m")
    assert world.rung() == [(0, "sms", "alice"), (2, "call", "alice")]
    incident = await the(world)
    request = world.twilio.text(ALICE, "a 1", SMS)
    for reply in (f"<Message>{incident.id} is acknowledged.</Message>", "<Response></Response>"):
        status, text = await house.take(request)
        assert (status, reply in text) == (200, True), "one reply, regardless of repeated posts"
    assert ((await the(world)).state, (await the(world)).acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    assert world.twilio.calls[0]["status"] == "canceled", "the phone that still rings stops ringing"
    await world.forward("30m")
    assert len(world.rung()) == 2
    await house.close()


async def test_c_does_not_resolve_and_a_stranger_is_not_answered(world: TwilioWorld, house: TwilioHouse) -> None:
    assert "in the console" in (await house.take(world.twilio.text(ALICE, "c 1", SMS)))[1]
    assert "<Message>" not in (await house.take(world.twilio.text(STRANGER, "a 1", SMS)))[1]
    assert "No open incident" in (await house.take(world.twilio.text(LEAD, "a 1", SMS)))[1]
    assert (await the(world)).state is State.OPEN


async def test_a_message_id_that_comes_with_other_words_is_no_error(world: TwilioWorld, house: TwilioHouse) -> None:
    fields = {"MessageSid": "SM" + "1" * 32, "AccountSid": SID, "From": ALICE, "To": FROM, "Body": "e 1"}
    assert "is escalated" in (await house.take(signed(SMS, fields)))[1]
    status, text = await house.take(signed(SMS, {**fields, "Body": "a 1"}))
    assert (status, "acknowledged" in text) == (200, False)
    assert (await the(world)).state is State.OPEN


@pytest.mark.parametrize("path", ["sms", "voice", "status"])
async def test_odd_values_of_a_signed_request_are_no_error(house: TwilioHouse, path: str) -> None:
    fields = {
        "MessageSid": "SM1", "CallSid": "CA1", "AccountSid": SID, "From": ALICE, "To": FROM, "Body": "a 1",
        "Digits": "4", "MessageStatus": "failed", "CallStatus": "busy",
    }  # fmt: skip
    for name in fields:
        for odd in ("", " ", "\x00", "\u202e", "x" * 5000, "9" * 1000, "a " + "9" * 400, "+", "SM" * 40, "e \u0661"):
            for token in ("", "?t=" + "x" * 43, "?t=%00&t=1", "?t=%FF"):
                request = signed(f"{BASE}/hooks/twilio/{path}{token}", {**fields, name: odd})
                async with house.client.post(
                    URL(request.path, encoded=True), data=request.body, headers=request.headers
                ) as response:
                    assert response.status < 500, (name, odd[:80], token)


async def test_a_report_is_kept_once(world: TwilioWorld, house: TwilioHouse) -> None:
    incident = await the(world)
    request = world.twilio.report(world.twilio.calls[0], "completed")
    for _ in range(3):
        assert (await house.take(request))[0] == 200
    receipts = await world.one.incidents.receipts(incident.uid)
    mine = [(one["to"], one["outcome"]) for one in receipts if one["channel"] == "phone"]
    assert mine == [("alice", "delivered"), ("alice", "received")]
    assert await the(world) == incident


async def test_an_undeliverable_page_uses_the_fallback_channel_once(world: TwilioWorld, opened: Opened) -> None:
    world.people["alice"] = {"phone": ALICE, "push": "alice-7f3k9qxw2m4d", "page_by": STEPS}
    world.second_road = ("push", "chat")
    house = await opened()
    await world.post(notification(alert("AuthFailing")))
    request = world.twilio.report(world.twilio.messages[0], "undelivered")
    for _ in range(3):
        assert (await house.take(request))[0] == 200
    assert world.sounded() == ["alice"]
    assert "cannot be reached" in str(world.slack.messages)
    await house.close()


async def test_a_phone_call_is_the_fallback_of_another_channel(world: TwilioWorld, opened: Opened) -> None:
    steps = [{"after": "0s", "by": "push"}]
    world.people["alice"] = {"phone": ALICE, "push": "alice-7f3k9qxw2m4d", "page_by": steps}
    world.second_road = ("phone", "chat")
    world.ntfy.script.extend([Answer(503)] * 6)
    house = await opened()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("10s")
    assert [(how, who) for _, how, who in world.rung()] == [("call", "alice")]
    assert "is acknowledged" in (await house.take(world.twilio.press("4")))[1]
    await house.close()


async def test_a_lost_answer_makes_no_second_call(world: TwilioWorld, opened: Opened) -> None:
    world.twilio.script.append(Answer(reset="after"))
    house = await opened()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("2m")
    assert world.rung() == [(0, "call", "alice")]
    assert "is acknowledged" in (await house.take(world.twilio.press("4")))[1]
    await house.close()


async def test_requests_that_are_forged_altered_replayed_or_foreign_change_nothing(
    world: TwilioWorld, house: TwilioHouse
) -> None:
    before, good, draw = await the(world), world.twilio.press("4"), random.Random(26)
    fields = dict(parse_qsl(good.body.decode(), keep_blank_values=True))
    header = good.headers["X-Twilio-Signature"]
    token = good.url.partition("t=")[2]
    tried: list[tuple[Signed, set[int]]] = []
    for number in range(250):
        spot = draw.randrange(len(good.body))
        changed = good.body[:spot] + bytes([good.body[spot] ^ 1]) + good.body[spot + 1 :]
        tried.append((Signed(good.url, changed, good.headers), {400, 403}))
        tried.append((signed(good.url, {**fields, "Digits": str(number % 10)}, f"token-{number}"), {403}))
        letter = "A" if token[number % 43] != "A" else "B"
        other = good.url.replace(token, token[: number % 43] + letter + token[number % 43 + 1 :])
        tried.append((Signed(other, good.body, good.headers), {403}))
        known = (signed(other, fields), {200})  # Twilio's own signature, over an invented token
        foreign = (signed(good.url, {**fields, "AccountSid": f"AC{number:032x}"}), {403})
        tried.append(known if number % 2 else foreign)
    for wrong in ("", header[:-1], header.swapcase(), "A" * 28, "A" * 27 + "="):
        tried.append((Signed(good.url, good.body, {**good.headers, "X-Twilio-Signature": wrong}), {403}))
    for path in ("sms", "status"):
        tried.append((Signed(good.url.replace("voice", path), good.body, good.headers), {403}))
    assert len(tried) > 1000
    for request, allowed in tried:
        async with house.client.post(request.path, data=request.body, headers=request.headers) as response:
            assert response.status in allowed, request
    await world.quiet()
    assert await the(world) == before
    assert "is acknowledged" in (await house.take(good))[1]
    after = await the(world)
    for _ in range(20):
        assert "is acknowledged" in (await house.take(good))[1]
    assert await the(world) == after, "replayed: it is done already"


async def test_the_host_is_no_part_of_the_signature_and_a_get_does_nothing(
    world: TwilioWorld, house: TwilioHouse
) -> None:
    good = world.twilio.press("4")
    elsewhere = signed(good.url.replace("incidents.example.com", "127.0.0.1"), {"Digits": "4"})
    headers = {**elsewhere.headers, "Host": "127.0.0.1"}
    async with house.client.post(good.path, data=elsewhere.body, headers=headers) as response:
        assert response.status == 403
    async with house.client.get(good.path, headers=good.headers) as response:
        assert response.status == 405
    assert (await the(world)).state is State.OPEN


async def test_sms_that_are_forged_altered_replayed_or_foreign_change_nothing(
    world: TwilioWorld, house: TwilioHouse
) -> None:
    before, good, draw = await the(world), world.twilio.text(ALICE, "a 1", SMS), random.Random(23)
    fields = dict(parse_qsl(good.body.decode(), keep_blank_values=True))
    said: list[tuple[int, str]] = []
    for number in range(250):
        spot = draw.randrange(len(good.body))
        changed = good.body[:spot] + bytes([good.body[spot] ^ 1]) + good.body[spot + 1 :]
        other = {**fields, "MessageSid": f"SM{number:032x}"}
        for request, allowed in (
            (Signed(good.url, changed, good.headers), {400, 403}),  # altered
            (signed(good.url, fields, f"token-{number}"), {403}),  # forged
            (Signed(good.url, signed(good.url, other).body, good.headers), {403}),  # a signature of another message
            (signed(good.url, {**other, "From": f"+1555{number:07}"}), {200}),  # a stranger's number
            (signed(good.url, {**other, "AccountSid": f"AC{number:032x}"}), {403}),  # another account
        ):
            async with house.client.post(request.path, data=request.body, headers=request.headers) as response:
                said.append((response.status, await response.text()))
                assert response.status in allowed, request
    assert len(said) > 1000
    assert not any("<Message>" in text for _, text in said), "no reply is sent"
    await world.quiet()
    assert await the(world) == before
    assert "is acknowledged" in (await house.take(good))[1]
    after = await the(world)
    for _ in range(20):
        assert "<Message>" not in (await house.take(good))[1]
    assert await the(world) == after, "replayed: it is done already"
