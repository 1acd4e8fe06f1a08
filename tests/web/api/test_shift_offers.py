"""Shifts that are offered to colleagues: in the API, in Slack, and in the schedule's log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import JSON, READ, House

OFFERS = "/api/v1/oncall/offers"


async def send(house: House, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with house.client.request(method, path, json=body or {}, headers={**READ, **JSON}) as response:
        return response.status, await response.json(content_type=None)


async def offered(house: House, days: int = 1) -> dict[str, Any]:
    """Return the offer of a whole day of the person who is on call in the primary schedule."""
    _, shown = await house.get("/api/v1/oncall/primary/shifts?days=14")
    first = shown["items"][1]
    day = first["since"][:10]
    _, shift = await house.get(f"/api/v1/oncall?at={day}T12:00:00Z")
    person = shift["schedules"]["primary"]["person"]
    status, made = await send(
        house, "POST", OFFERS, {"dates": [day], "schedule": "primary", "by": person}
    )  # fmt: skip
    assert status == 201
    found: dict[str, Any] = made["items"][-1]
    return found


def colleague(house: House, person: str) -> str:
    return next(one for one in house.parts.config.people if one != person)


async def on_call(house: House, at: str) -> str:
    _, shown = await house.get(f"/api/v1/oncall?at={at}")
    person: str = shown["schedules"]["primary"]["person"]
    return person


async def test_a_colleague_takes_an_offered_shift_over(house: House) -> None:
    offer = await offered(house)
    other = colleague(house, offer["person"])
    assert await on_call(house, offer["from"]) == offer["person"], "an offer changes nothing by itself"
    status, taken = await send(house, "POST", f"{OFFERS}/{offer['id']}/accept", {"by": other})
    assert (status, taken["accepted_by"]) == (200, other)
    assert await on_call(house, offer["from"]) == other
    assert await send(house, "POST", f"{OFFERS}/{offer['id']}/accept", {"by": other}) == (200, taken), "again: done"
    _, log = await house.get("/api/v1/oncall/primary/log")
    assert [one["kind"] for one in log["items"][:2]] == ["offer_accepted", "offered"]
    assert log["items"][0]["by"] == other


async def test_only_the_first_one_takes_it_over_and_nobody_their_own(house: House) -> None:
    offer = await offered(house)
    path = f"{OFFERS}/{offer['id']}"
    status, said = await send(house, "POST", f"{path}/accept", {"by": offer["person"]})
    assert (status, "your own" in said["detail"]) == (409, True)
    others = [one for one in house.parts.config.people if one != offer["person"]]
    assert (await send(house, "POST", f"{path}/accept", {"by": others[0]}))[0] == 200
    assert (await send(house, "POST", f"{path}/accept", {"by": others[1]}))[0] == 409
    assert (await send(house, "DELETE", path))[0] == 409, "the accepted override is lifted"
    assert (await send(house, "DELETE", f"/api/v1/oncall/overrides/{offer['id']}"))[0] == 200
    assert await on_call(house, offer["from"]) == offer["person"]
    assert (await send(house, "DELETE", path))[0] == 200
    assert (await house.get(OFFERS))[1]["items"] == []
    _, log = await house.get("/api/v1/oncall/primary/log")
    assert sorted(one["kind"] for one in log["items"]) == ["offer_withdrawn", "override_lifted"]
    assert all(one["by"] == "on-call-cli" and offer["id"] in one["text"] for one in log["items"])


async def test_the_same_offer_twice_is_one(house: House) -> None:
    first, second = await offered(house), await offered(house)
    assert first == second
    assert len((await house.get(OFFERS))[1]["items"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"dates": []}, 400), ({"dates": ["tomorrow"]}, 400), ({"dates": ["2020-01-01"], "by": "alice"}, 404),
        ({"dates": ["2026-12-24"], "by": "nobody-at-all"}, 404),
        ({"dates": ["2026-12-24"], "by": "alice", "schedule": "no-such"}, 404),
    ],
)  # fmt: skip
async def test_what_cannot_be_offered_is_refused(house: House, body: dict[str, Any], status: int) -> None:
    assert (await send(house, "POST", OFFERS, body))[0] == status


async def test_what_is_not_there_is_404(house: House) -> None:
    assert (await send(house, "POST", f"{OFFERS}/offer-none/accept", {"by": "alice"}))[0] == 404
    assert (await send(house, "DELETE", f"{OFFERS}/offer-none"))[0] == 404
    assert (await house.get("/api/v1/oncall/none/log"))[0] == 404


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2200-01-01", "1969-12-31"])
async def test_a_day_that_no_schedule_reaches_is_refused(house: House, day: str) -> None:
    status, said = await send(house, "POST", OFFERS, {"dates": ["2026-12-24", day], "by": "alice"})
    assert (status, said["errors"][0]["path"]) == (400, "dates.1")
