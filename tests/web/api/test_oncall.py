"""Who is on call, through the API and in the console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import structlog
from icalendar import Calendar
from jsonschema import Draft202012Validator

from receiver.config import Config
from receiver.model.oncall.schedule_settings import Person, Schedule
from receiver.store.client.connection import StoreAway
from receiver.web.json.answer_schemas import SCHEMAS
from tests.web.conftest import READ, House, Opened
from tests.web.console.test_incident_pages import HOSTILE, inert, page

ONCALL = "/api/v1/oncall"
OVERRIDES = f"{ONCALL}/overrides"


async def do(house: House, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with house.client.request(method, path, json=body, headers={**READ, **headers}) as response:
        await house.world.quiet()
        return response.status, await response.json(content_type=None)


def fits(name: str, value: Any) -> None:
    """Check a value against the schema that the document gives."""
    Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    ).validate(value)  # fmt: skip


async def test_who_is_on_call_now_and_then(house: House) -> None:
    status, told = await house.get(ONCALL)
    assert status == 200
    fits("OnCall", told)
    primary = told["schedules"]["primary"]
    assert list(told["schedules"]) == ["primary", "secondary"]
    assert {name: primary[name] for name in ("person", "name", "since", "until", "next", "reason", "accepted")} == {
        "person": "alice", "name": "Alice", "since": "2026-11-23T09:00:00.000Z", "until": "2026-11-30T09:00:00.000Z",
        "next": "bob", "reason": "rotation", "accepted": None,
    }  # fmt: skip
    for at in ("2026-11-30T09:00:00Z", "2026-11-30T10:00:00%2B01:00", "2026-11-30T10:00:00+01:00", "2026-12-01"):
        assert (await house.get(f"{ONCALL}?at={at}"))[1]["schedules"]["primary"]["person"] == "bob", at


@pytest.mark.parametrize(
    "query",
    ["at=", "at=now", "at=2026-13-01", "at=0001-01-01T00:00:00Z", "at=9999-12-31T23:59:59-23:59", "when=1",
     "at=2026-12-01&at=2026-12-01", "at=2026-12-01T00:00:00+99:99"],
)  # fmt: skip
async def test_a_time_that_is_none_is_said(house: House, query: str) -> None:
    status, problem = await house.get(f"{ONCALL}?{query}")
    assert (status, problem["title"]) == (400, "Bad Request")
    assert problem["errors"][0]["path"] == query.partition("=")[0]


async def test_shifts_of_the_next_days(house: House) -> None:
    status, told = await house.get(f"{ONCALL}/primary/shifts?days=21")
    assert status == 200
    fits("ShiftList", told)
    assert [shift["person"] for shift in told["items"]] == ["alice", "bob", "carol", "alice"]
    assert (await house.get(f"{ONCALL}/primary/shifts?at=2027-01-01"))[1]["items"][0]["until"].startswith("2027-01-04")
    assert (await house.get(f"{ONCALL}/primry/shifts"))[0] == 404
    for days in ("0", "401", "x", "1.5", "٣"):
        assert (await house.get(f"{ONCALL}/primary/shifts?days={days}"))[0] == 400


async def test_somebody_takes_over_and_gives_back(house: House) -> None:
    now = house.world.clock.now()
    until = (now + timedelta(hours=2)).isoformat()
    status, made = await do(house, "POST", OVERRIDES, {"schedule": "primary", "person": "@bob", "until": until})
    assert status == 201
    fits("Override", made)
    assert (made["person"], made["by"], made["from"]) == ("bob", "on-call-cli", "2026-11-23T14:02:20.000Z")
    primary = (await house.get(ONCALL))[1]["schedules"]["primary"]
    assert (primary["person"], primary["reason"], primary["next"]) == ("bob", "override", "alice")
    status, told = await house.get(OVERRIDES)
    fits("OverrideList", told)
    assert told["items"] == [made]
    house.world.clock.forward("30m")
    status, ended = await do(house, "DELETE", f"{OVERRIDES}/{made['id']}")
    assert (status, ended["until"]) == (200, "2026-11-23T14:32:20.000Z")
    assert (await house.get(ONCALL))[1]["schedules"]["primary"]["person"] == "alice"
    assert (await house.get(f"{ONCALL}?at=2026-11-23T14:10:00Z"))[1]["schedules"]["primary"]["person"] == "bob"
    status, problem = await do(house, "DELETE", f"{OVERRIDES}?id={made['id']}")
    assert status == 409
    assert "past shifts never change" in problem["detail"]
    assert (await house.get(OVERRIDES))[1]["items"] == []


async def test_one_to_come_is_taken_back_by_its_id_in_the_query(house: House) -> None:
    body = {
        "schedule": "primary",
        "person": "bob",
        "from": "2026-12-24T09:00:00+01:00",
        "until": "2026-12-26T09:00:00Z",
    }
    _, made = await do(house, "POST", OVERRIDES, {**body, "by": "alice"})
    assert (made["from"], made["by"]) == ("2026-12-24T08:00:00.000Z", "alice")
    assert (await do(house, "DELETE", OVERRIDES))[0] == 400
    assert (await do(house, "DELETE", f"{OVERRIDES}?id={made['id']}"))[0] == 200
    assert (await do(house, "DELETE", f"{OVERRIDES}?id={made['id']}"))[0] == 404


GOOD = {"schedule": "primary", "person": "bob", "until": "2026-12-26T09:00:00Z"}


@pytest.mark.parametrize(
    ("change", "status", "path", "said"),
    [
        ({"schedule": "primry"}, 404, None, "did you mean primary?"),
        ({"person": "bobby"}, 404, None, "did you mean bob?"),
        ({"until": "2026-11-23T14:00:00Z"}, 409, "until", "later"),
        ({"from": "2026-11-23T13:00:00Z"}, 409, "from", "past shifts never change"),
        ({"from": "2026-12-27T09:00:00Z"}, 409, "until", "later"),
        ({"until": "2028-12-26T09:00:00Z"}, 409, "until", "400 days"),
        ({"until": "2026-12-26T09:00:00"}, 400, "until", "timezone"),
        ({"until": "9999-12-31T23:59:59-23:59"}, 400, "until", "not a day between"),
        ({"from": "0001-01-01T00:00:00+23:59"}, 400, "from", "not a day between"),
        ({"to": "2026-12-26T09:00:00Z"}, 400, "to", "no such field"),
        ({"until": None}, 400, "until", ""),
    ],
)
async def test_what_does_not_fit_is_said_and_changes_nothing(
    house: House, change: dict[str, Any], status: int, path: str | None, said: str
) -> None:
    got, problem = await do(house, "POST", OVERRIDES, {**GOOD, **change})
    assert got == status, problem
    assert said in problem["detail"]
    assert [error["path"] for error in problem.get("errors", ())] == ([path] if path else [])
    assert (await house.get(OVERRIDES))[1]["items"] == []


async def test_the_same_request_again_under_its_key_is_done_once(house: House) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await do(house, "POST", OVERRIDES, GOOD, **key)
    house.world.clock.forward("5m")
    assert await do(house, "POST", OVERRIDES, GOOD, **key) == first
    assert (await do(house, "POST", OVERRIDES, {**GOOD, "person": "alice"}, **key))[0] == 409
    assert len((await house.get(OVERRIDES))[1]["items"]) == 1


async def test_a_hand_off_is_accepted_once(house: House) -> None:
    status, told = await do(house, "POST", f"{ONCALL}/primary/accept", {"by": "alice"})
    assert status == 200
    fits("Accepted", told)
    assert (told["person"], told["by"], told["since"]) == ("alice", "alice", "2026-11-23T09:00:00.000Z")
    house.world.clock.forward("1m")
    assert await do(house, "POST", f"{ONCALL}/primary/accept") == (200, told)
    accepted = (await house.get(ONCALL))[1]["schedules"]["primary"]["accepted"]
    assert accepted == {"by": "alice", "at": told["at"]}
    assert (await do(house, "POST", f"{ONCALL}/nothing/accept"))[0] == 404


async def test_where_nobody_took_over_there_is_nothing_to_accept(opened: Opened) -> None:
    house = await opened()
    house.replica.apply(with_schedule(house.replica.config, people=["alice"]))
    status, problem = await do(house, "POST", f"{ONCALL}/primary/accept")
    assert status == 409
    assert "nothing to accept" in problem["detail"]


def with_schedule(config: Config, **more: Any) -> Config:
    return config.model_copy(update={"schedules": {"primary": Schedule.model_validate(more)}})


async def test_the_calendar_is_for_calendars(house: House) -> None:
    async with house.client.get(f"{ONCALL}/primary.ics", headers=READ) as response:
        assert (response.status, response.content_type) == (200, "text/calendar")
        made = Calendar.from_ical(await response.read())
    assert "Alice on call (primary)" in {str(event["summary"]) for event in made.walk("VEVENT")}
    async with house.client.get(f"{ONCALL}/primary.ics") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert (await house.get(f"{ONCALL}/gone.ics"))[0] == 404


async def feed(house: House, path: str, method: str = "GET") -> tuple[int, Any]:
    """Return status and events of a calendar that is asked for without any token."""
    async with house.client.request(method, path) as response:
        body = await response.read()
        if response.status != 200 or method == "HEAD":
            return response.status, response.headers
        return response.status, list(Calendar.from_ical(body).walk("VEVENT"))


async def test_a_secret_address_is_for_one_schedule_and_one_person_and_ends(house: House) -> None:
    status, made = await do(house, "POST", f"{ONCALL}/primary/calendar", {"person": "@alice"})
    assert (status, made["schedule"], made["person"]) == (201, "primary", "alice")
    fits("CalendarAddress", made)
    assert made["url"].startswith("https://incidents.example.com/oncall/feeds/")
    path = made["url"].removeprefix("https://incidents.example.com")
    status, events = await feed(house, path)
    assert status == 200
    assert {"Alice on call (primary)", "Bob on call (primary)"} <= {str(event["summary"]) for event in events}
    _, mine = await feed(house, f"{path}?only=mine")
    assert {str(event["summary"]) for event in mine} == {"Alice on call (primary)"}
    status, headers = await feed(house, path, "HEAD")
    assert (status, headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    _, bobs = await do(house, "POST", f"{ONCALL}/primary/calendar", {"person": "bob"})
    _, again = await do(house, "POST", f"{ONCALL}/primary/calendar", {"person": "alice"})
    assert len({made["url"], bobs["url"], again["url"]}) == 3
    assert (await feed(house, path))[0] == 404, "a new address revokes the previous one"
    assert (await feed(house, bobs["url"].removeprefix("https://incidents.example.com")))[0] == 200
    ends = f"{ONCALL}/primary/calendar?person=alice"
    status, ended = await do(house, "DELETE", ends)
    assert (status, ended) == (200, {"schedule": "primary", "person": "alice"})
    assert (await feed(house, again["url"].removeprefix("https://incidents.example.com")))[0] == 404
    assert (await do(house, "DELETE", ends))[0] == 404


async def test_an_address_that_nobody_has_is_nothing(house: House) -> None:
    for token in ("x", "", "%00", "a" * 500):
        assert (await feed(house, f"/oncall/feeds/{token}.ics"))[0] == 404
    assert (await do(house, "POST", f"{ONCALL}/gone/calendar", {"person": "alice"}))[0] == 404
    assert (await do(house, "POST", f"{ONCALL}/primary/calendar", {"person": "nobody"}))[0] == 404
    async with house.client.post(f"{ONCALL}/primary/calendar", json={"person": "alice"}) as response:
        assert response.status == 401


async def test_the_log_tells_no_address(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(*given: object) -> bytes:
        raise RuntimeError("no calendar today")

    _, made = await do(house, "POST", f"{ONCALL}/primary/calendar", {"person": "alice"})
    path = made["url"].removeprefix("https://incidents.example.com")
    monkeypatch.setattr("receiver.pipeline.oncall.on_call_overview.calendar_of", spoiled)
    with structlog.testing.capture_logs() as lines:
        assert (await feed(house, path))[0] == 500
    (line,) = [one for one in lines if one["event"] == "request_crashed"]
    assert line["path"] == "/oncall/feeds/{token}.ics"
    assert path.rpartition("/")[2].removesuffix(".ics") not in str(lines)


async def test_the_store_keeps_no_address(house: House) -> None:
    _, made = await do(house, "POST", f"{ONCALL}/primary/calendar", {"person": "alice"})
    token = made["url"].rpartition("/")[2].removesuffix(".ics")
    async with house.world.one.connection.guarded() as client:
        kept = await client.hgetall(house.world.one.connection.keys.named("board"))
    assert any("calendar/" in name for name in kept) and token not in str(kept)


async def test_the_preflight(opened: Opened) -> None:
    house = await opened()
    status, told = await house.get(f"{ONCALL}/preflight")
    fits("Preflight", told)
    assert (status, told["good"], told["unreachable"], told["gaps"]) == (200, True, [], [])
    people = {**house.replica.config.people, "bob": Person(name="Bob")}
    changed = with_schedule(house.replica.config, people=["alice", "bob"], only=[{"days": ["mon"]}])
    house.replica.apply(changed.model_copy(update={"people": people}))
    _, told = await house.get(f"{ONCALL}/preflight")
    fits("Preflight", told)
    assert not told["good"]
    assert told["unreachable"][0] == {
        "person": "bob", "name": "Bob", "called_as": ["schedule primary"], "log_only": False,
    }  # fmt: skip
    assert told["gaps"][0] == {
        "schedule": "primary", "from": "2026-11-24T00:00:00.000Z", "until": "2026-11-30T00:00:00.000Z"
    }  # fmt: skip
    text = await page(house, "/oncall")
    assert "no address on any paging channel" in text
    assert "Coverage gaps" in text
    inert(text)


async def test_without_a_store_it_is_still_known_who_is_on_call(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(house.replica.shared_documents, "read", away)
    monkeypatch.setattr(house.replica.shared_documents, "put", away)
    assert (await house.get(ONCALL))[0] == 200
    assert "Alice" in await page(house, "/oncall")
    async with house.client.post(OVERRIDES, json=GOOD, headers=READ) as response:
        assert response.status == 503


async def test_the_console_shows_who_is_on_call_and_who_follows(house: House) -> None:
    await do(house, "POST", OVERRIDES, {**GOOD, "from": "2026-12-24T09:00:00Z", "by": "<b>boss"})
    text = await page(house, "/oncall")
    for said in ("primary", "Alice", "Bob", "Carol", "2026-11-30 09:00 UTC", "has not been accepted yet",
                 "&lt;b&gt;boss", "No gaps; everyone has a paging address."):  # fmt: skip
        assert said in text
    inert(text)


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_names_are_inert_in_the_console_and_the_calendar(opened: Opened, hostile: str) -> None:
    house = await opened()
    people = {**house.replica.config.people, "alice": Person(name=hostile)}
    house.replica.apply(house.replica.config.model_copy(update={"people": people}))
    inert(await page(house, "/oncall"))
    async with house.client.get(f"{ONCALL}/primary.ics", headers=READ) as response:
        assert not any(event.subcomponents for event in Calendar.from_ical(await response.read()).walk("VEVENT"))
