"""The forms of the on-call page: shift offers, pages outside any incident, test pages, and their permissions."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from receiver.config import Config
from receiver.config.settings.service_settings import Auth
from tests.web.auth.test_schedule_limits import limited
from tests.web.conftest import House, Opened
from tests.web.console.test_forms import Person

OFFERS = "/api/v1/oncall/offers"


@pytest.fixture
async def person(house: House) -> Person:
    return await Person(house, "respond-token").sign_in()


async def offers(house: House) -> list[tuple[str, str, str, str | None]]:
    _, found = await house.get(OFFERS)
    return [(one["id"], one["person"], one["from"], one["accepted_by"]) for one in found["items"]]


async def test_a_shift_is_offered_taken_over_and_withdrawn(house: House, person: Person) -> None:
    assert "No shift is offered." in await person.page("/oncall")
    mine = {"person": "alice", "schedule": "primary", "offer": "yes"}
    assert await person.send("/oncall", **mine, first="2026-11-25", last="2026-11-26") == "/oncall?done=offer"
    await person.send("/oncall", **mine, first="2026-11-28")
    (one, _, begins, _), (two, *_) = await offers(house)
    assert begins == "2026-11-25T00:00:00.000Z"
    text = await person.page("/oncall?done=offer")
    assert text.count(">Take over</button>") == 2
    assert "Shifts offered." in text
    form = text.partition(f'name="take" value="{one}"')[0].rpartition("<form")[2]
    assert '<option value="alice">' not in form, "no one can take over from themselves"
    assert await person.send("/oncall", take=one, person="bob") == "/oncall?done=take"
    assert await person.send("/oncall", withdraw=two) == "/oncall?done=withdraw"
    assert [(row[0], row[3]) for row in await offers(house)] == [(one, "bob")]
    shift = house.parts.overrides.schedules.at("primary", datetime.fromisoformat("2026-11-25T12:00:00Z"))
    assert shift.person == "bob"
    assert "taken over by <bdi>Bob</bdi>" in await person.page("/oncall")
    assert "has already accepted this offer" in await person.send("/oncall", 409, take=one, person="carol")
    await person.send("/oncall", 404, take=two, person="carol")


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"person": "alice"}, 400, "first: write the first day"),
        ({"person": "alice", "first": "tomorrow"}, 400, "first: not a date"),
        ({"person": "alice", "first": "2026-11-25", "last": "2026-11-24"}, 400, "last: it is before the first day"),
        ({"person": "alice", "first": "2026-11-25", "last": "2027-11-25"}, 400, "last: at most 60 days"),
        ({"first": "2026-11-25"}, 409, "choose a person: alice"),
        ({"person": "mallory", "first": "2026-11-25"}, 409, "choose a person: alice"),
        ({"person": "bob", "first": "2026-11-25", "schedule": "primary"}, 404, "bob is not on call on these days"),
    ],
)
async def test_an_offer_that_cannot_be_is_a_page_that_says_why(
    house: House, person: Person, fields: dict[str, str], status: int, said: str
) -> None:
    text = await person.send("/oncall", status, offer="yes", **fields)
    assert said in text
    assert 'href="/oncall">Back</a>' in text
    assert await offers(house) == []


async def test_somebody_is_paged_outside_any_incident(house: House, person: Person) -> None:
    form = (await person.page("/oncall")).partition('id="page"')[2].partition("</form>")[0]
    once = re.findall(r'name="once" value="(\w+)"', form)[0]
    asked = {"contact": "engineering-lead", "text": "please look at the deploy"}
    for _ in range(2):
        assert await person.send("/oncall", once=once, **asked) == "/oncall?done=called"
    await house.world.quiet()
    assert house.world.rung() == ["eng-lead"]
    (page,) = house.world.pagerduty.taken
    assert page["body"]["payload"]["summary"] == "please look at the deploy (from on-call-cli)"
    assert await person.send("/oncall", **asked) == "/oncall?done=just-called"
    assert "sent before" in await person.send("/oncall", 409, once=once, contact="engineering-lead", text="another")
    for fields, status in (({"contact": "nobody", "text": "x"}, 404), ({"contact": "cto"}, 400)):
        await person.send("/oncall", status, **fields)
    await house.world.quiet()
    assert house.world.rung() == ["eng-lead"]


async def test_test_pages_are_sent_and_their_answers_shown(house: House, person: Person) -> None:
    assert "No test page has been sent yet." in await person.page("/oncall")
    assert await person.send("/oncall", prove="alice") == "/oncall?done=prove"
    await house.world.quiet()
    assert len(house.world.sent()) == 1

    def shown(text: str) -> str:
        return re.sub(r"<[^>]+>", "", text.partition('id="prove"')[2].partition("<form")[0])

    assert "Alice · PagerDuty · waiting since 14:02 UTC" in shown(await person.page("/oncall"))
    await house.replica.reachability.answered(house.world.sent()[0], house.world.clock.now())
    assert "Alice · PagerDuty · answered 14:02 UTC" in shown(await person.page("/oncall"))
    house.world.clock.forward("2m")
    await person.send("/oncall", prove="everyone")
    await house.world.quiet()
    text = shown(await person.page("/oncall"))
    assert all(f"{name} · PagerDuty · waiting" in text for name in ("Bob", "Carol")), text
    assert len(house.world.sent()) >= 4
    assert "no person is named" in await person.send("/oncall", 404, prove="mallory")
    assert "has no address on a channel that can page" in await person.send("/oncall", 404, prove="legal")


async def test_a_token_of_a_team_does_here_what_it_may_in_the_api(opened: Opened) -> None:
    house = await opened(limited)
    await (await Person(house, "respond-token").sign_in()).send(
        "/oncall", offer="yes", person="alice", schedule="primary", first="2026-11-25"
    )
    ((number, *_),) = await offers(house)
    person = await Person(house, "payments-token").sign_in()
    for fields in (
        {"take": number, "person": "bob"}, {"withdraw": number}, {"prove": "alice"},
        {"offer": "yes", "person": "alice", "schedule": "primary", "first": "2026-11-25"},
        {"contact": "data", "text": "x"}, {"schedule": "primary", "person": "bob", "until": "2026-11-24 10:00"},
    ):  # fmt: skip
        await person.send("/oncall", 403, **fields)
    await house.world.quiet()
    assert house.world.rung() == []
    await person.send("/oncall", contact="on-call", text="look")
    await house.world.quiet()
    assert house.world.rung() == ["bob"]
    person = await Person(house, "alice-token").sign_in()
    form = (await person.page("/oncall")).partition(f'name="withdraw" value="{number}"')[0]
    assert ">Take over</button>" not in form, "their own offer"
    await person.send("/oncall", 403, offer="yes", person="bob", first="2026-11-25")


async def test_a_calendar_address_is_made_and_ended_by_its_person(opened: Opened) -> None:
    house = await opened(limited)
    person = await Person(house, "alice-token").sign_in()
    assert "calendar_end" not in await person.page("/oncall")
    address = re.findall(
        r"<code>\S+(/oncall/feeds/\S+\.ics)</code>", await person.send("/oncall", 200, calendar="primary")
    )
    async with house.client.get(address[0]) as response:
        assert (response.status, response.content_type) == (200, "text/calendar")
    assert 'name="calendar_end" value="primary"' in await person.page("/oncall")
    assert await person.send("/oncall", calendar_end="primary") == "/oncall?done=calendar-end"
    async with house.client.get(address[0]) as response:
        assert response.status == 404
    await person.send("/oncall", 404, calendar_end="primary")
    await (await Person(house, "respond-token").sign_in()).send("/oncall", 404, calendar_end="primary")


async def test_who_may_only_read_changes_nothing(opened: Opened) -> None:
    def reading(config: Config) -> Config:
        tokens = [
            one.model_copy(update={"scopes": ("read",)}) if "respond" in one.scopes else one
            for one in config.auth.tokens
        ]
        return config.model_copy(update={"auth": Auth(tokens=tuple(tokens))})

    house = await opened(reading)
    person = await Person(house, "respond-token").sign_in()
    text = await person.page("/oncall")
    assert re.findall(r'<form[^>]*action="([^"]+)"', text) == ["/logout"]
    for fields in ({"contact": "cto", "text": "x"}, {"prove": "alice"}, {"offer": "yes", "first": "2026-11-25"}):
        await person.send("/oncall", 403, **fields)
