"""Twilio: the exact requests; after a lost response, the channel looks up the message before it sends again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.http_client import Http
from receiver.channels.twilio.channel import Twilio, TwilioSettings
from receiver.channels.twilio.message import mark_of
from receiver.model.delivery.notice import Action
from receiver.model.delivery.phone_answer import Verb
from tests.channels.conftest import Wired, wire
from tests.channels.notices import HOSTILE, NOW, hostile, incident, notice, page
from tests.fakes import Answer, FakeTwilio, Site, Vendor
from tests.fakes.twilio import FROM, SID, TOKEN

VENDOR = FakeTwilio
NUMBER = "+15550101"
ANSWERS = {Verb.KEY: "k" * 43}
HOOKS = "https://incidents.example.com/hooks"


def paged(action: Action = Action.TRIGGER, how: str = "call", **changes: Any) -> Any:
    mine = page(channel="phone", address=NUMBER, how=how, **changes.pop("page", {}))
    given = {"address": NUMBER, "page": mine, "incident": incident(pages=(mine,)), "answers": ANSWERS, "hooks": HOOKS}
    return notice(action, **{**given, **changes})


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake, whose clock is that of the notices."""
    vendor.clock = NOW.timestamp
    settings = TwilioSettings.model_validate(
        {"account_sid": SID, "auth_token": TOKEN, "from": FROM, "api_url": site.url}
    )
    return Wired(Twilio("phone", settings, http), vendor, site, paged(), (TOKEN, NUMBER, *ANSWERS.values()))


@pytest.fixture
def phone(site: Site, http: Http) -> Wired:
    return wire("twilio", site, http)


def form(wired: Wired) -> Any:
    return wired.vendor.taken[-1]["body"]


async def test_a_call_asks_for_a_key_inside_the_gather(phone: Wired) -> None:
    receipt = await phone.channel.send(phone.notice)
    assert receipt.memory == {"sid": receipt.ref}
    assert set(form(phone)) == {"To", "From", "Twiml", "Timeout", "StatusCallback"}
    assert form(phone)["StatusCallback"] == f"{HOOKS}/twilio/status?t={'k' * 43}"
    vendor: Any = phone.vendor
    action, heard = vendor.gather(form(phone)["Twiml"])
    assert action == f"{HOOKS}/twilio/voice?t={'k' * 43}"
    assert "SEV-1 incident INC-2026-0042. Service checkout-api. Press 4 to acknowledge" in heard
    assert "<Gather" in form(phone)["Twiml"].partition("<Say>")[0]


async def test_an_sms_has_the_text_of_every_sms_and_a_mark(phone: Wired) -> None:
    asked = paged(how="sms")
    await phone.channel.send(asked)
    text = "[SEV-1] INC-2026-0042 checkout-api. Reply a 42 to acknowledge, e 42 to escalate."
    assert form(phone)["Body"] == f"{text} {mark_of(asked)}"


@pytest.mark.parametrize("how", ["call", "sms"])
async def test_without_an_address_or_a_token_no_answer_is_offered(phone: Wired, how: str) -> None:
    await phone.channel.send(paged(how=how, hooks=None))
    assert "StatusCallback" not in form(phone)
    assert "acknowledge" not in str(form(phone)).replace("answered with a key", "")
    await phone.channel.send(paged(how="call", answers={}, page={"key": "another"}))
    assert "Gather" not in form(phone)["Twiml"]


@pytest.mark.parametrize("how", ["call", "sms"])
@pytest.mark.parametrize("text", [HOSTILE, "x" * 100_000, "<Dial>+19005550199</Dial>", "", "\n" * 5000])
async def test_hostile_text_is_short_and_no_verb(phone: Wired, how: str, text: str) -> None:
    mine = page(address=NUMBER, how=how)
    await phone.channel.send(hostile(Action.TRIGGER, text, address=NUMBER, page=mine, answers=ANSWERS, hooks=HOOKS))
    await phone.channel.send(paged(how=how, incident=None, text=text, page={"key": "stray"}))
    assert len(phone.vendor.taken) == 2
    assert all(len(one["body"].get("Body", "")) <= 320 for one in phone.vendor.taken)


@pytest.mark.parametrize("how", ["call", "sms"])
async def test_a_lost_answer_is_looked_up(phone: Wired, how: str) -> None:
    phone.vendor.script.append(Answer(reset="after"))
    with pytest.raises(DeliveryError) as caught:
        await phone.channel.send(paged(how=how))
    assert caught.value.progress == {"tried_at": "2026-11-23T14:02:20.000Z"}
    receipt = await phone.channel.send(paged(how=how, repeat=True, memory=caught.value.progress))
    assert receipt.ref == (phone.vendor.calls or phone.vendor.messages)[0]["sid"]  # type: ignore[attr-defined]
    assert phone.vendor.seen == 1


@pytest.mark.parametrize("how", ["call", "sms"])
async def test_what_was_never_sent_or_reached_nobody_is_sent(phone: Wired, how: str) -> None:
    await phone.channel.send(paged(how=how, repeat=True))
    assert phone.vendor.seen == 1
    (phone.vendor.calls or phone.vendor.messages)[0]["status"] = "failed"  # type: ignore[attr-defined]
    await phone.channel.send(paged(how=how, repeat=True))
    assert phone.vendor.seen == 2


@pytest.mark.parametrize("how", ["call", "sms"])
async def test_another_page_to_the_same_number_is_not_taken_for_it(phone: Wired, how: str) -> None:
    await phone.channel.send(paged(how=how, page={"key": "rcv/other/alice/1"}))
    await phone.channel.send(paged(how=how, repeat=True))
    assert phone.vendor.seen == 2


async def test_a_call_from_before_the_first_attempt_is_not_taken_for_it(phone: Wired, http: Http) -> None:
    await phone.channel.send(paged())
    later = NOW + timedelta(minutes=3)
    phone.vendor.clock = later.timestamp
    other = Twilio("phone", phone.channel.settings, http)  # from another replica
    await other.send(paged(repeat=True, page={"key": "k/2", "at": later}, now=later))
    assert phone.vendor.seen == 2


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_while_it_cannot_be_asked_nothing_is_sent(phone: Wired, status: int) -> None:
    phone.vendor.script.append(Answer(status))
    with pytest.raises(DeliveryError) as caught:
        await phone.channel.send(paged(repeat=True))
    assert (caught.value.permanent, caught.value.ambiguous) == (False, False)
    assert phone.vendor.seen == 0


async def test_who_may_not_list_calls_all_the_same(phone: Wired) -> None:
    phone.vendor.script.append(Answer(403))
    await phone.channel.send(paged(repeat=True))
    assert phone.vendor.seen == 1


async def test_an_sms_of_another_replica_without_the_store_counts(phone: Wired) -> None:
    bare = incident(uid="", id="", pages=())
    for _ in range(2):
        await phone.channel.send(paged(how="sms", incident=bare))
    assert phone.vendor.seen == 1


@pytest.mark.parametrize(("status", "after"), [("ringing", "canceled"), ("in-progress", "in-progress")])
@pytest.mark.parametrize("action", [Action.ACKNOWLEDGE, Action.RESOLVE])
async def test_what_ends_a_page_stops_the_ringing_and_no_conversation(
    phone: Wired, action: Action, status: str, after: str
) -> None:
    memory = (await phone.channel.send(paged())).memory
    (call,) = phone.vendor.calls  # type: ignore[attr-defined]
    call["status"] = status
    assert (await phone.channel.send(paged(action, memory=memory))).ref == call["sid"]
    assert (call["status"], phone.vendor.seen) == (after, 1)


async def test_an_sms_that_ends_is_silent(phone: Wired) -> None:
    memory = (await phone.channel.send(paged(how="sms"))).memory
    await phone.channel.send(paged(Action.RESOLVE, how="sms", memory=memory))
    assert len(phone.vendor.received) == 1


@pytest.mark.parametrize("number", ["", "555", "+0123456789", "+1555 0101", "client:alice", "+15550101;x"])
async def test_a_number_that_is_none_is_refused_for_good(phone: Wired, number: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await phone.channel.send(paged(address=number))
    assert caught.value.permanent
    assert phone.vendor.received == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 400), ({"To": "555"}, 400), ({"From": ""}, 400), ({"From": "+15550999"}, 400), ({"Body": ""}, 400),
        ({"Body": "x" * 1601}, 400), ({"StatusCallback": "ftp://x"}, 400), ({}, 201),
    ],
)  # fmt: skip
async def test_the_fake_refuses(phone: Wired, http: Http, changes: dict[str, str], code: int) -> None:
    channel: Any = phone.channel
    given = {"To": NUMBER, "From": FROM, "Body": "hello", **changes}
    assert (await channel._post("Messages", given)).status == code
    wrong = await http.post(channel._url("Messages"), b"", {"Authorization": "Basic eDp5"})
    assert (wrong.status, wrong.json["code"]) == (401, 20003)


@pytest.mark.parametrize("lacking", ["account_sid", "auth_token", "from"])
def test_what_is_missing_switches_it_off(http: Http, lacking: str) -> None:
    given = {"account_sid": SID, "auth_token": TOKEN, "from": FROM, lacking: ""}
    assert Twilio("phone", TwilioSettings.model_validate(given), http).missing() == f"{lacking} is empty"
