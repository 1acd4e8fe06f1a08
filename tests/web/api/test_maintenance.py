"""Maintenance windows through the API: they page no one, record everything, and check again at the end."""

from __future__ import annotations

import re
from typing import Any

import pytest

from receiver.web.api.maintenance_request import MATCHER
from tests.stories.world import alert, notification
from tests.web.api.test_incident_commands import do
from tests.web.conftest import House, Opened

DB: dict[str, Any] = {"labels": {"service": "db"}, "annotations": {"error_rate": "7.3%"}}
ONCE = {"name": "upgrade", "matchers": ['service="db"'], "until": "2026-11-23T15:02:20Z", "components": ["api"]}


@pytest.fixture
async def house(opened: Opened) -> House:
    return await opened()


async def test_inside_a_window_nobody_is_paged_and_its_end_looks_again(house: House) -> None:
    status, made = await do(house, "/maintenance", ONCE)
    assert (status, made["active"], made["source"]) == (201, True, "api")
    _, said = await house.post(notification(alert(**DB)))
    assert (said["outcome"], said["reason"]) == ("opened", "maintenance")
    await house.world.forward("50m")
    assert house.world.rung() == []
    _, incident = await house.get("/api/v1/incidents/INC-2026-0001")
    assert incident["held"] == "maintenance: upgrade"
    await house.world.forward("11m")
    assert house.world.rung() == ["alice"]


async def test_what_has_ended_by_then_pages_nobody(house: House) -> None:
    await do(house, "/maintenance", ONCE)
    await house.post(notification(alert(**DB)))
    await house.world.forward("30m")
    await house.post(notification(alert(firing=False, **DB)))
    await house.world.forward("60m")
    assert house.world.rung() == []
    assert (await house.get("/api/v1/incidents/INC-2026-0001"))[1]["state"] == "resolved"


async def test_an_alert_that_no_window_holds_calls_people(house: House) -> None:
    await do(house, "/maintenance", ONCE)
    await house.post(notification(alert(**DB)))
    await house.post(notification(alert(**DB), alert("ApiDown")))
    await house.world.quiet()
    assert sorted(house.world.rung()) == ["alice", "eng-lead"]


async def test_a_window_that_is_taken_down_calls_people_at_once(house: House) -> None:
    _, made = await do(house, "/maintenance", ONCE)
    await house.post(notification(alert(**DB)))
    await house.world.quiet()
    status, gone = await do(house, f"/maintenance/{made['id']}", None, "DELETE")
    assert (status, gone["id"]) == (200, made["id"])
    await house.world.quiet()
    assert house.world.rung() == ["alice"]
    assert (await do(house, f"/maintenance/{made['id']}", None, "DELETE"))[0] == 404


async def test_a_weekly_one_comes_back_and_other_replicas_know_it(house: House) -> None:
    weekly = {"name": "w", "matchers": ['service="db"'], "weekly": "Monday 15:00", "for": 3600}
    assert (await do(house, "/maintenance", weekly))[0] == 201
    other = await house.world.replica()
    await house.world.forward("1h")
    assert [window.name for window in other.setting.maintenance] == ["w"]
    _, listed = await house.get("/api/v1/maintenance")
    assert (listed["items"][0]["active"], listed["items"][0]["ends_at"]) == (True, "2026-11-23T16:00:00.000Z")


async def test_it_is_shown_on_the_status_page_by_its_components_only(house: House) -> None:
    await do(house, "/maintenance", {**ONCE, "name": "secret host db-17"})
    async with house.client.get("/status/api/v2/summary.json") as response:
        summary = await response.json()
    (shown,) = summary["scheduled_maintenances"]
    assert (shown["name"], shown["status"]) == ("Scheduled maintenance: API", "in_progress")
    async with house.client.get("/status") as response:
        text = await response.text()
    assert "Scheduled maintenance: API" in text
    assert "db-17" not in text + str(summary)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [({"matchers": []}, 400, "matchers"), ({"matchers": ["service"]}, 400, "not a matcher"),
     ({"matchers": ['service=~"("']}, 409, "matchers.0"), ({"until": None}, 400, "until"),
     ({"until": "2026-11-01T00:00:00Z"}, 409, "later than now"), ({"until": "soon"}, 400, "until"),
     ({"from": "2026-11-24T00:00:00Z"}, 409, "later than `from`"),
     ({"until": "2027-11-01T00:00:00Z"}, 409, "30 days"), ({"nam": "x"}, 400, "no such field"),
     ({"weekly": "Sunday 03:00", "for": 60}, 400, "either"), ({"timezone": "Mars/Base"}, 400, "no such time zone"),
     ({"timezone": "Europe/Berlni"}, 400, "Europe/Berlin"),
     ({"until": None, "weekly": "Someday 03:00", "for": 60}, 400, "time of the week"),
     ({"until": None, "weekly": "Sunday 03:00", "for": 7 * 86400}, 400, "less than 604800"),
     ({"until": None, "weekly": "Sunday 03:00", "for": 60, "from": "2026-11-24T00:00:00Z"}, 400, "from")],
)  # fmt: skip
async def test_a_window_that_cannot_be_is_refused(house: House, change: dict[str, Any], status: int, said: str) -> None:
    got, problem = await do(house, "/maintenance", {**ONCE, **change})
    assert (got, said in problem["detail"]) == (status, True), problem
    assert problem["errors"][0]["message"], problem
    assert (await house.get("/api/v1/maintenance"))[1]["items"] == []


@pytest.mark.parametrize("text", ['a="b"', "a!=b", 'a.b=~"x.*"', ' "a b" = c', "a=", "0=0", "a=~(b|c)", 'a="=b"'])
async def test_every_matcher_that_is_read_fits_what_the_document_says(house: House, text: str) -> None:
    assert re.search(MATCHER, text)
    assert (await do(house, "/maintenance", {**ONCE, "matchers": [text]}))[0] == 201


@pytest.mark.parametrize("text", ["SUN 03:00", "Monday  23:59", "thursday 00:00"])
async def test_a_moment_of_the_week_is_read_however_it_is_written(house: House, text: str) -> None:
    weekly = {"name": "w", "matchers": ["a=b"], "weekly": text, "for": 60, "timezone": "Europe/Berlin"}
    assert (await do(house, "/maintenance", weekly))[0] == 201


async def test_the_same_key_makes_one_window_and_none_for_another_wish(house: House) -> None:
    again = {"Idempotency-Key": "k"}
    _, first = await do(house, "/maintenance", ONCE, **again)
    await house.world.forward("2m")
    assert (await do(house, "/maintenance", ONCE, **again))[1]["id"] == first["id"]
    assert (await do(house, "/maintenance", {**ONCE, "name": "other"}, **again))[0] == 409
    await house.world.forward("2h")
    assert (await do(house, "/maintenance", ONCE, **again))[1]["id"] == first["id"]
