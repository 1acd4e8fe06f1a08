"""The list of incidents: the next contact, the last notification, service filters, months, and the end of a storm."""

from __future__ import annotations

import re
from typing import Any

import pytest

from receiver.store.client.connection import StoreAway
from tests.stories.test_storms import burst
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House
from tests.web.console.test_forms import HERE, ID, Person

BROWSER = {**READ, "Accept": "text/html"}
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def page(house: House, path: str) -> str:
    async with house.client.get(path, headers=BROWSER) as response:
        assert response.status == 200, path
        return await response.text()


async def test_a_card_names_who_is_contacted_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.world.post(notification(alert(**HIGH)))
    assert "next: <bdi>secondary, eng-lead-2</bdi> <time" in await page(house, "/")

    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(house.replica.incidents, "many", away)
    assert "next contact <time" in await page(house, "/"), "the time is known without the store"


async def test_when_nothing_is_open_it_says_what_was_last_received(house: House) -> None:
    await house.world.post(notification(alert(**HIGH)))
    await house.client.post("/api/v1/incidents/INC-2026-0001/resolve", json={}, headers=READ)
    await house.parts.history.flush()
    text = await page(house, "/")
    assert re.search(r"Last notification <time datetime=\"2026-11-23T14:02", text)
    assert "no Watchdog received" in text
    watchdog = notification(alert("Watchdog", labels={"severity": "none"}), group="watchdog")
    await house.world.post(watchdog)
    assert "last Watchdog <time" in await page(house, "/")
    house.world.clock.forward("1m")
    house.parts.reports.absorb(house.world.clock.now())
    text = await page(house, "/")
    assert re.search(r"Last notification <time datetime=\"2026-11-23T14:03", text), "repeated ones count too"


async def test_services_and_teams_have_chips(house: House) -> None:
    for name in ("api", "db", "web"):
        await house.world.post(notification(alert(labels={"service": name}, **HIGH), group=name))
    text = await page(house, "/?state=open")
    assert 'href="/?state=open&amp;service=db"' in text
    text = await page(house, "/?service=db")
    assert (text.count("<article"), "INC-2026-0002" in text) == (1, True)
    assert '<a href="/?" aria-current="true"><bdi>service db</bdi></a>' in text


async def test_each_figure_of_a_report_leads_to_its_incidents(house: House) -> None:
    for name in ("a", "b"):
        await house.world.post(notification(alert(name, **HIGH), group=name))
    await house.client.post("/api/v1/incidents", json={"title": "A drill", "severity": "SEV-2", "drill": True},
                            headers=READ)  # fmt: skip
    text = await page(house, "/reports/2026-11")
    link = "/?month=2026-11&amp;week=2026-11-23&amp;severity=SEV-2"
    assert f'<a href="{link}" aria-label="2 SEV-2 in the week of 2026-11-23">2</a>' in text
    card = '<a href="/?month=2026-11" aria-label="Incidents per month: 2, show the incidents">2</a>'
    assert card in text and card in await page(house, "/reports")
    quarter = '<a href="/?quarter=2026-11&amp;severity=SEV-1" aria-label="SEV-1 incidents per quarter: 0,'
    assert quarter in text and quarter in await page(house, "/reports")
    for path, found in (
        (link.replace("&amp;", "&"), 2), ("/?month=2026-11", 2), ("/?month=2026-11&severity=SEV-1", 0),
        ("/?month=2026-11&week=2026-11-16", 0), ("/?month=2026-10", 0), ("/?quarter=2026-11&severity=SEV-2", 2),
        ("/?quarter=2026-10&severity=SEV-2", 0), ("/?quarter=2026-09", 0),
    ):  # fmt: skip
        assert (await page(house, path)).count("<article") == found, path
    for wrong in (
        "/?quarter=4",
        "/?paged=alice",
        "/?quarter=",
        "/?paged=*&month=x",
        "/?paged=*&quarter=2026-11&month=x",
        "/?month=november",
        "/?month=2026-11&week=monday",
        "/?month=2027-01",
    ):
        async with house.client.get(wrong, headers=BROWSER) as response:
            assert response.status == 400, wrong


async def test_the_pages_of_a_person_lead_to_the_incidents_that_made_them(house: House) -> None:
    for name in ("a", "b"):
        await house.world.post(notification(alert(name, **HIGH), group=name))
    house.world.clock.forward("12h")
    await house.world.post(notification(alert("c", **HIGH), group="c"))
    await house.client.post(f"/api/v1/incidents/{ID}/merge", json={"into": "INC-2026-0002"}, headers=READ)
    review = (await house.get("/api/v1/reports/monthly?month=2026-11"))[1]
    people = {one["person"]: one for one in review["pages"]["people"]}
    paged, night = people["alice"]["count"], people["alice"]["at_night"]
    assert 0 < night < paged, "some by day, some at night"
    text = await page(house, "/reports/2026-11")
    links = re.findall(r'href="(/\?month=2026-11&amp;paged=alice[^"]*)" aria-label="(\d+) pages', text)
    assert [int(count) for _, count in links] == [paged, night]
    total = f'pages in 2026-11">{review["pages"]["total"]}</a> pages, '
    assert total in text, "anyone's pages lead to their incidents"
    assert (await page(house, "/?month=2026-11&paged=*")).count("<article") == 3
    assert "<bdi>paged anyone</bdi>" in await page(house, "/?month=2026-11&paged=*&night=1")
    found = [await page(house, link.replace("&amp;", "&")) for link, _ in links]
    assert [one.count("<article") for one in found] == [3, 1], "a merged incident paged somebody as well"
    assert "INC-2026-0003" in found[1] and "<bdi>at night</bdi>" in found[1]
    assert '<a href="/?" aria-current="true"><bdi>month 2026-11</bdi></a>' in found[1], "the others need the month"
    for path in ("/?month=2026-11&paged=nobody", "/?month=2026-10&paged=alice", "/?month=2026-11&paged=alice&q=zzz"):
        assert (await page(house, path)).count("<article") == 0, path


async def test_the_end_of_a_storm_is_seen_where_it_stands(house: House) -> None:
    world = house.world
    await burst(world, 0, 22, {"annotations": {"error_rate": "1%"}, "labels": {"severity": "warning"}})
    (storm,) = [one for one in await world.incidents() if one.storm]
    child = next(one for one in await world.incidents() if one.held == "storm")
    there = f'<a href="/incidents/{storm.id}">{storm.id}</a>'
    said = f"not paged separately: grouped into alert storm {there}"
    assert said in await page(house, f"/incidents/{child.id}")
    assert "the storm is ongoing" in await page(house, f"/incidents/{storm.id}")
    await world.forward("5m")
    text = await page(house, f"/incidents/{storm.id}")
    assert re.search(r"\d+ incidents grouped · the storm ended <time", text)
    assert "resolve this incident when the grouped ones are handled" in text
    assert f'Grouped incident: <a href="/incidents/{child.id}">' in text
    assert f"{said}, which ended <time" in await page(house, f"/incidents/{child.id}")
    assert any("the storm has ended; " in str(one) for one in world.slack.messages)


async def test_a_card_escalates_once_and_resolves_after_a_question(house: House) -> None:
    await house.world.post(notification(alert(**HIGH)))
    person = await Person(house, "respond-token").sign_in()
    shown = re.findall(r'name="escalate" value="([^"]+)"', await person.page("/"))[0]
    assert await person.send("/", escalate=shown) == f"/?done=escalate#card-{ID}"
    path = f"/api/v1/incidents/{ID}/timeline"
    log = (await house.get(path))[1]["items"]
    assert await person.send("/", escalate=shown) == f"/?done=repeated#card-{ID}"
    again = await person.send(f"{HERE}/escalate", once=shown.partition(" ")[2])
    assert again.startswith(f"{HERE}?done=repeated"), "the incident's page was as old as the list"
    assert (await house.get(path))[1]["items"] == log, "nothing was done twice"
    asked = await person.send("/", 200, resolve=ID)
    assert "is still firing and will page no one" in asked and 'href="/">Cancel' in asked
    assert (await house.get(f"/api/v1/incidents/{ID}"))[1]["state"] == "open", "asking changes nothing"
    assert await person.send("/", resolve=ID, confirmed="yes", text="The old release is back") == "/?done=resolve"
    assert (await house.get(f"/api/v1/incidents/{ID}"))[1]["state"] == "resolved"
    assert "The old release is back" in str((await house.get(path))[1]["items"])
    await person.send("/", 404, escalate="INC-2026-7777")
    assert 'name="escalate"' not in await person.page("/"), "it is over"
