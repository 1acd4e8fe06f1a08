"""Faults that were found by using the console (usability.md), as far as no other test shows them fixed."""

from __future__ import annotations

import re

import pytest

from tests.stories.world import alert, notification
from tests.web.conftest import READ, House
from tests.web.console.test_forms import HERE, Person

HTML = {**READ, "Accept": "text/html"}


@pytest.fixture
async def person(house: House) -> Person:
    await house.world.post(notification(alert(annotations={"error_rate": "7%", "summary": "too slow"})))
    return await Person(house, "respond-token").sign_in()


async def test_4_every_page_leads_to_the_others(person: Person) -> None:
    for path in ("/", HERE, "/oncall", "/console/status", "/reports", "/reports/2026-11", "/system", "/sessions"):
        text = await person.page(path)
        for there in ("/", "/oncall", "/console/status", "/reports", "/system", "/status", "/api/docs"):
            assert f'href="{there}"' in text, (path, there)
    assert "November 2026" in await person.page("/reports")


async def test_13_notes_have_their_author_in_pages_and_not_in_the_file(house: House, person: Person) -> None:
    await person.send(f"{HERE}/note", text="p99 went up")
    assert "p99 went up (on-call-cli)" in await person.page(f"{HERE}/timeline")
    assert "<bdi>on-call-cli</bdi>" in await person.page(HERE)
    for path, headers, said in (
        (f"{HERE}/timeline?download=1", {"Cookie": person.cookie}, "| p99 went up |"),
        (f"/api/v1{HERE}/timeline", {**READ, "Accept": "text/markdown"}, "| p99 went up |"),
        (f"/api/v1{HERE}/timeline", HTML, "p99 went up (on-call-cli)"),
    ):
        async with house.client.get(path, headers=headers) as response:
            assert said in await response.text(), path


async def test_15_a_closed_incident_has_no_draft_that_waits(person: Person) -> None:
    assert re.search("wait(s|ing) for approval", await person.page(HERE))
    await person.send(f"{HERE}/resolve", confirmed="yes", text="fixed")
    while "Discard" in (text := await person.page(HERE)):
        number = re.findall(r'discard">.*?name="n" value="(\d+)"', text)[0]
        await person.send(f"{HERE}/discard", n=number)
    await person.send(f"{HERE}/close")
    assert not re.search("wait(s|ing) for approval", await person.page(HERE))
    assert "No draft is waiting for approval." in await person.page("/console/status")


async def test_23_the_title_and_the_icon_say_what_is_the_matter(person: Person) -> None:
    text = await person.page(HERE)
    assert re.search(r"<title>SEV-2 open: HighErrorRate: .*INC-2026-0001</title>", text)
    assert '<meta name="theme-color"' in text
    assert "%3E1%3C/text" in text, "the icon has the number of unacknowledged incidents"
    for path in ("/", "/oncall", "/system"):
        assert "<title>(1) " in await person.page(path), path
    for raw in ("all_hands", "status_update", "second_road", "page_failed"):
        assert raw not in re.sub(r"<[^>]+>", "", text)


async def test_25_seconds_are_seconds_in_documents(house: House, person: Person) -> None:
    house.world.clock.forward("20s")
    await person.send(f"{HERE}/acknowledge")
    await person.send(f"{HERE}/resolve", confirmed="yes", text="fixed")
    for name in ("timeline", "postmortem"):
        text = re.sub(r"<[^>]+>", "", await person.page(f"{HERE}/{name}"))
        assert re.search(r"Duration: \d+s\b", text), name
        assert "0m after" not in text
