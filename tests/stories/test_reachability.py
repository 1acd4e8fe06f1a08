"""Test pages: sent and answered through each channel, stored, and sent before shifts, without other effects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from receiver.config import Config
from receiver.config.settings.reachability_settings import Reachability
from receiver.incident.oncall.reachability import Proof
from receiver.model.incident.state import State
from tests.fakes import Answer
from tests.stories.phones import TOPICS
from tests.stories.test_twilio import ALICE, SMS, STEPS, TwilioHouse, TwilioWorld
from tests.stories.world import alert, notification

MEANS = [("pager", ""), ("phone", "call"), ("phone", "sms"), ("push", "")]


@pytest.fixture
async def world(store_url: str, patient: None) -> AsyncIterator[TwilioWorld]:
    """Alice is paged by SMS, call, push and PagerDuty; everyone else only by PagerDuty."""
    made = TwilioWorld(store_url)
    made.pager = True
    made.people = {"alice": {"phone": ALICE, "push": TOPICS["alice"], "page_by": STEPS}}
    made.people |= {name: {"push": ""} for name in TOPICS if name != "alice"}
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def house(world: TwilioWorld, aiohttp_client: AiohttpClient) -> AsyncIterator[TwilioHouse]:
    await world.open()
    made = await TwilioHouse(world, lambda config: config).serve(aiohttp_client)
    yield made
    await made.close()


async def ask(world: TwilioWorld, *people: str) -> list[Proof]:
    made = await world.one.reachability.ask(people or ("alice",), "ann", None, world.clock.now())
    await world.quiet()
    return made


async def proved(world: TwilioWorld) -> list[tuple[str, str]]:
    return [(one.channel, one.how) for one in (await world.one.reachability.read()).values() if one.answered]


async def test_every_means_is_proved_by_its_own_answer_and_no_incident_is_made(
    world: TwilioWorld, house: TwilioHouse
) -> None:
    assert sorted((one.channel, one.how) for one in await ask(world)) == MEANS
    assert [how for _, how, _ in world.rung()] == ["call", "sms"]
    assert "DRILL" in world.twilio.messages[0]["body"]
    (page,) = (one for one in world.ntfy.messages if one["topic"] == TOPICS["alice"])
    assert "DRILL: test page for alice" in str(page)
    assert await proved(world) == []
    await world.listen()
    assert await world.tap(world.buttons()["Acknowledge"]) == 200
    _, text = await house.take(world.twilio.press("4"))
    assert "Pages by phone reach you" in text
    assert "reach you" in (await house.take(world.twilio.text(ALICE, "OK", SMS)))[1]
    key = next(one["body"]["dedup_key"] for one in world.pagerduty.taken if one["body"]["event_action"] == "trigger")
    assert await world.one.reachability.answered(key, world.clock.now())
    await world.quiet()
    assert sorted(await proved(world)) == MEANS
    assert world.showing() == []
    assert await world.incidents() == []


async def test_what_is_not_answered_ends_and_stays_unproved(world: TwilioWorld, house: TwilioHouse) -> None:
    await ask(world)
    assert world.showing() == ["alice"]
    await world.forward("12m")
    assert (world.showing(), await proved(world)) == ([], [])
    assert all(one.ended for one in (await world.one.reachability.read()).values())
    assert [how for _, how, _ in world.rung()] == ["call", "sms"], "sent once"
    assert "reach you" in (await house.take(world.twilio.press("4")))[1], "a late answer is a proof as well"
    assert await proved(world) == [("phone", "call")]


async def test_a_test_page_that_is_refused_calls_nobody_else(world: TwilioWorld, house: TwilioHouse) -> None:
    world.twilio.script.extend([Answer(400)] * 2)
    await ask(world)
    await world.forward("12m")
    assert world.rung() == []
    assert "cannot be reached" not in str(world.slack.messages)


async def test_an_answer_to_an_incident_proves_nothing_and_ok_acknowledges_nothing(
    world: TwilioWorld, house: TwilioHouse
) -> None:
    await world.post(notification(alert("AuthFailing")))
    await ask(world)
    await house.take(world.twilio.text(ALICE, "ok", SMS))
    (incident,) = await world.incidents()
    assert (incident.state, await proved(world)) == (State.OPEN, [("phone", "sms")])
    await house.take(world.twilio.text(ALICE, "a", SMS))
    (incident,) = await world.incidents()
    assert incident.state is State.ACKNOWLEDGED
    assert await proved(world) == [("phone", "sms")]
    assert "No test page" in (await house.take(world.twilio.text(ALICE, "ok", SMS, "SM" + "9" * 32)))[1]


async def test_twice_within_a_minute_is_one_test(world: TwilioWorld, house: TwilioHouse) -> None:
    first = await ask(world)
    assert await ask(world) == first
    assert len(world.rung()) == 2


async def test_before_a_shift_by_day_and_not_to_who_has_proved_it(world: TwilioWorld) -> None:
    def change(config: Config) -> Config:
        every = Reachability(prove_every=timedelta(days=30))
        return world._add(config).model_copy(update={"reachability": every})

    world.change = change
    world.people["bob"] = {"push": TOPICS["bob"], "pager": ""}
    await world.open()
    await world.forward("2m")
    assert (world.rung(), world.sounded()) == ([], []), "nobody's shift begins within a day"
    missing = world.one.schedules.preflight(world.clock.now()).unproved
    assert ("alice", "call") in [(one.person, one.means.how) for one in missing]
    # Bob's shift begins on Monday at nine: the test page is sent the day before, from nine on.
    world.clock.forward(timedelta(days=5, hours=18, minutes=50))
    await world.quiet()
    await world.forward("2m")
    assert world.sounded() == [], "it is not nine yet"
    await world.forward("10m")
    assert world.sounded() == ["bob"]
    await world.forward("30m")
    assert world.sounded() == ["bob"], "once"
    world.clock.forward(timedelta(hours=26))
    await world.quiet()
    assert world.sounded().count("bob") == 1, "his shift has begun"
