"""A token with teams can change only the schedules of its teams and page only their people."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from receiver.config import Config
from receiver.config.settings.service_settings import Auth, Scope, Token
from receiver.model.oncall.team_settings import Team
from tests.web.conftest import JSON, READ, House, Opened

BOTH = (Scope.READ, Scope.RESPOND)
PAYMENTS, DATA, TWO, DANA = ({"Authorization": f"Bearer {name}-token"} for name in ("payments", "data", "two", "alice"))
ONCALL = "/api/v1/oncall"


def limited(config: Config) -> Config:
    """Return a configuration with the teams payments (Bob, with a schedule) and data (Carol), and a token for each."""
    schedule = {"rotation": "weekly", "handoff": "Monday 09:00", "starts": "2026-11-02", "people": ["bob"]}
    teams = {
        "payments": {
            "matchers": ['team="payments"'], "schedules": {"payments-primary": schedule},
            "contacts": {"on-call": {"schedule": "payments-primary"}},
        },
        "data": {"matchers": ['team="data"'], "contacts": {"on-call": {"person": "carol"}}},
    }  # fmt: skip
    given: list[tuple[str, tuple[str, ...], str | None]] = [
        ("payments", ("payments",), None), ("data", ("data",), None), ("two", ("payments", "data"), None),
        ("alice", ("data",), "alice"),
    ]  # fmt: skip
    tokens = [
        Token(name=name, token=SecretStr(f"{name}-token"), scopes=BOTH, teams=mine, person=person)
        for name, mine, person in given
    ]
    auth = Auth(tokens=(*config.auth.tokens, *tokens))
    return config.model_copy(
        update={"teams": {name: Team.model_validate(team) for name, team in teams.items()}, "auth": auth}
    )


@pytest.fixture
async def house(opened: Opened) -> House:
    return await opened(limited)


async def send(house: House, method: str, path: str, who: dict[str, str], body: Any = None) -> tuple[int, Any]:
    async with house.client.request(method, path, json=body or {}, headers={**who, **JSON}) as response:
        await house.world.quiet()
        return response.status, await response.json(content_type=None)


def cover(schedule: str, person: str = "carol") -> dict[str, str]:
    return {"schedule": schedule, "person": person, "until": "2026-11-23T20:00:00Z"}


async def test_overrides_of_its_own_schedules_alone(house: House) -> None:
    path = f"{ONCALL}/overrides"
    top, own = "primary", "payments-primary"
    asked = [(PAYMENTS, top), (PAYMENTS, own), (DATA, own), (TWO, own), (READ, top), (DANA, top), (DANA, own)]
    answers = [(await send(house, "POST", path, who, cover(schedule)))[0] for who, schedule in asked]
    assert answers == [403, 201, 403, 201, 201, 201, 403], "Alice is in the primary schedule, not in that of payments"
    status, said = await send(house, "POST", path, PAYMENTS, cover("no-such"))
    assert (status, "no schedule is named" in said["detail"]) == (404, True)
    made = (await send(house, "POST", path, READ, cover("primary")))[1]["id"]
    assert [(await send(house, "DELETE", f"{path}/{made}", who))[0] for who in (PAYMENTS, READ)] == [403, 200]


async def test_hand_offs_offers_and_calendars_of_its_own_schedules_alone(house: House) -> None:
    day = {"dates": ["2026-12-02"]}
    status, said = await send(house, "POST", f"{ONCALL}/offers", READ, {**day, "schedule": "primary", "by": "bob"})
    assert status == 201
    foreign = f"{ONCALL}/offers/{said['items'][0]['id']}"
    assert (await send(house, "POST", f"{foreign}/accept", PAYMENTS, {"by": "carol"}))[0] == 403
    assert (await send(house, "DELETE", foreign, PAYMENTS))[0] == 403
    # Without a schedule, only the shifts that the token may change are offered.
    status, said = await send(house, "POST", f"{ONCALL}/offers", PAYMENTS, {**day, "by": "bob"})
    assert (status, [one["schedule"] for one in said["items"]]) == (201, ["payments-primary"])
    assert (await send(house, "POST", f"{ONCALL}/primary/accept", PAYMENTS))[0] == 403
    assert (await send(house, "POST", f"{ONCALL}/primary/calendar", PAYMENTS, {"person": "alice"}))[0] == 403
    assert (await send(house, "DELETE", f"{ONCALL}/primary/calendar?person=alice", PAYMENTS))[0] == 403


@pytest.mark.parametrize(
    ("who", "contact", "status", "paged"),
    [
        (PAYMENTS, "on-call", 201, ["bob"]), (PAYMENTS, "@payments", 201, ["bob"]), (DATA, "on-call", 201, ["carol"]),
        (PAYMENTS, "data", 403, []), (PAYMENTS, "data/on-call", 403, []), (PAYMENTS, "nobody-here", 404, []),
        (PAYMENTS, "engineering-lead", 201, ["eng-lead"]), (TWO, "on-call", 404, []),
        (TWO, "data/on-call", 201, ["carol"]), (READ, "on-call", 201, ["alice"]),
    ],
)  # fmt: skip
async def test_pages_outside_incidents(
    house: House, who: dict[str, str], contact: str, status: int, paged: list[str]
) -> None:
    answer, said = await send(house, "POST", "/api/v1/pages", who, {"contact": contact, "text": "look"})
    assert (answer, house.world.rung()) == (status, paged), said


async def test_test_pages_reach_its_own_people_alone(house: House) -> None:
    path = f"{ONCALL}/prove"
    assert (await send(house, "POST", path, PAYMENTS, {"people": ["alice"]}))[0] == 403
    status, said = await send(house, "POST", path, PAYMENTS, {"people": ["bob"]})
    assert (status, [one["person"] for one in said["items"]]) == (202, ["bob"])
    assert (await send(house, "POST", path, DANA, {"people": ["alice"], "by": "bob"}))[0] == 403, "as another person"
    status, said = await send(house, "POST", path, PAYMENTS)
    assert status == 202
    assert {"bob"} <= {one["person"] for one in said["items"]} and "alice" not in str(said)


async def test_the_console_is_limited_as_the_api_is(house: House) -> None:
    form = {"token": "payments-token", "next": "/"}
    async with house.client.post("/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 303
    async with house.client.get("/oncall") as page:
        word = (await page.text()).partition('name="word" value="')[2].partition('"')[0]
    until = {"until": "2026-11-23 20:00", "person": "carol", "word": word}
    statuses = []
    for path, schedule in (("", "primary"), ("/primary/accept", ""), ("", "payments-primary")):
        fields = {**until, "schedule": schedule}
        async with house.client.post(f"/oncall{path}", data=fields, allow_redirects=False) as answer:
            statuses.append(answer.status)
    assert statuses == [403, 403, 303]
