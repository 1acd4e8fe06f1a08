"""Filters by label in the API, in the console and on the command line."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from receiver.store import cooperative_loop
from receiver.store.client.connection import StoreAway
from receiver.web import incident_queries
from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House

BROWSER = {**READ, "Accept": "text/html"}
ZONES = {"Disk": "eu-1", "Api": "eu-2", "Mail": "us-1"}


@pytest.fixture
async def zones(house: House) -> House:
    """A house with three open incidents, and a resolved one in the first zone."""
    for number, (name, zone) in enumerate(ZONES.items(), 1):
        await house.world.post(notification(alert(name, labels={"zone": zone, "service": name}), group=name))
        house.world.clock.forward("1s")
        if number == 1:
            await house.client.post("/api/v1/incidents/INC-2026-0001/resolve", json={}, headers=READ)
    return house


async def ids(house: House, query: str) -> list[str]:
    status, page = await house.get(f"/api/v1/incidents?{query}")
    assert status == 200, page
    return [one["id"][-1] for one in page["items"]]


async def test_the_api_filters_what_is_open_and_the_history(zones: House) -> None:
    for query, found in (
        ("label=zone=eu-1", "1"), ("label=zone!=eu-1", "32"), ("label=" + quote('zone=~"eu-.*"'), "21"),
        ("label=" + quote('zone!~"eu-.*"'), "3"), ("open=true&label=" + quote("zone=~eu-.*"), "2"),
        ("queue=true&label=" + quote("zone=~eu-.*"), "2"), ("open=false&label=zone=eu-1", "1"),
        ("label=zone=~.*&label=" + quote('service="Api"'), "2"), ("label=zone=~eu.*&q=api", "2"),
        ("label=" + quote('{zone=~"eu.*", service!="Disk"}'), "2"),
    ):  # fmt: skip
        assert await ids(zones, query) == list(found), query


async def test_a_wrong_matcher_is_named(zones: House) -> None:
    status, said = await zones.get("/api/v1/incidents?label=" + quote("zone=~(eu"))
    assert (status, said["errors"][0]["path"]) == (400, "label")
    assert "not a valid RE2 regular expression" in said["detail"]
    status, said = await zones.get("/api/v1/incidents?label=" + quote('zone=~"(.?){900}"'))
    assert (status, "too complex" in said["detail"]) == (400, True)
    async with zones.client.get("/?label=" + quote("zone=~(eu"), headers=BROWSER) as response:
        page = await response.text()
    assert response.status == 400
    assert "The list below is not filtered by labels" in page
    assert 'value="zone=~(eu"' in page, "the typed text is still there"
    assert page.count("<article") == 3


async def test_a_page_that_looked_far_enough_has_a_next_one(zones: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_queries, "LOOKED_AT", 1)
    monkeypatch.setattr(incident_queries, "BATCH", 1)
    _, page = await zones.get("/api/v1/incidents?open=true&label=zone=eu-2")
    assert (page["items"], page["next"] is not None) == ([], True)
    _, page = await zones.get(f"/api/v1/incidents?open=true&label=zone=eu-2&cursor={page['next']}")
    assert [one["id"] for one in page["items"]] == ["INC-2026-0002"]
    for scope in ("--open",), ():
        code, out, _ = await receiver(zones, "respond-token", "incident", "list", *scope, "--label", "zone=eu-2")
        assert (code, out.split("\t")[0], out.count("\n")) == (0, "INC-2026-0002", 1), "the command follows `next`"


async def test_the_console_filters_and_links_labels(zones: House) -> None:
    async def page(path: str) -> str:
        async with zones.client.get(path, headers=BROWSER) as response:
            assert response.status == 200, path
            return await response.text()

    shown = await page("/?label=" + quote('zone=~"eu-.*"'))
    assert ("INC-2026-0002" in shown, "INC-2026-0003" in shown) == (True, False)
    assert 'aria-current="true"><bdi>zone=~&#34;eu-.*&#34;</bdi>' in shown
    assert "No open incident matches the filters." in await page("/?label=zone=nowhere")
    assert (await page("/?open=false&label=" + quote("zone=~eu.*"))).count("<article") == 1
    assert "/?label=zone%3D%22eu-2%22" in await page("/incidents/INC-2026-0002")


@pytest.mark.parametrize(
    "query", ["open=true&label=zone=~e.*", "queue=true&label=zone=~e.*", "open=false", "open=true"]
)
async def test_every_list_pauses_while_it_filters(zones: House, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    paused: list[int] = []

    async def step() -> None:
        paused.append(1)

    monkeypatch.setattr(cooperative_loop, "LONGEST_STEP", -1)
    monkeypatch.setattr(cooperative_loop, "next_step", step)
    found = await ids(zones, query)
    # Once for each compared incident, and once for each incident that is read.
    assert len(paused) >= (2 if "label" in query else 1) * len(found) > 0


async def test_without_the_store_nothing_open_is_hidden(zones: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(zones.replica.work.follower, "catch_up", away)
    async with zones.client.get("/?label=zone=eu-2", headers=BROWSER) as response:
        page = await response.text()
    assert "all open incidents are shown" in page
    assert "INC-2026-0003" in page
