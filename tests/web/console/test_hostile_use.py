"""Unusual use of forms: double clicks, the back button, outdated forms, and requests from other sites."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import House
from tests.web.console.conftest import sign_in
from tests.web.console.test_forms import BROWSER, HERE, ID, Person

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7%"}}
LONG = "x" * 10_000


@pytest.fixture
async def person(house: House) -> Person:
    await house.world.post(notification(alert(**HIGH)))
    return await Person(house, "respond-token").sign_in()


async def kinds(house: House, kind: str) -> int:
    _, log = await house.get(f"/api/v1{HERE}/timeline")
    return sum(one["kind"] == kind for one in log["items"])


async def test_a_form_that_is_sent_twice_at_once_pages_nobody_twice(house: House, person: Person) -> None:
    both = [person.send(f"{HERE}/acknowledge") for _ in range(2)]
    await asyncio.gather(*both)
    assert await kinds(house, "acknowledged") <= 2
    await house.world.quiet()
    before = len(house.world.rung())
    await person.send(f"{HERE}/page", contact="engineering-lead", text="please look")
    await person.send(f"{HERE}/page", contact="engineering-lead", text="please look")
    await house.world.quiet()
    assert house.world.rung()[before:] == ["eng-lead"], "at most once a minute"


async def test_forms_of_an_older_page_change_nothing_that_they_did_not_show(house: House, person: Person) -> None:
    await person.send(f"{HERE}/resolve", confirmed="yes", text="fixed")
    _, before = await house.get(f"/api/v1/incidents/{ID}")
    for verb in ("escalate", "acknowledge", "mitigate"):
        said = await person.send(f"{HERE}/{verb}", 409)
        assert "resolved" in said, verb
    _, after = await house.get(f"/api/v1/incidents/{ID}")
    assert (after["state"], after["pages"]) == ("resolved", before["pages"])


async def test_any_label_can_be_asked_for_and_is_text(house: House, person: Person) -> None:
    values = ("<img src=x onerror=alert(1)>", "\u202egnp", LONG, "a\n\x1b[31mb", '"} or {"')
    for name in ("zone", 'a"b', "a\nb", "\u202enoz", LONG):
        for value in values:
            asked = "/?label=" + quote(f'{name}=~"{value}"'[:1000])
            async with house.client.get(asked, headers={**BROWSER, "Cookie": person.cookie}) as response:
                page = await response.text()
            assert response.status in (200, 400), asked
            assert "<img" not in page, asked
            assert "No open incident matches" in page or "not filtered by labels" in page, asked


@pytest.mark.e2e
async def test_back_and_a_second_press_in_a_browser(house: House, chromium: Browser) -> None:
    await house.world.post(notification(alert(**HIGH)))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(390, 844, "light")
    await sign_in(chromium, url, "respond-token")
    await chromium.go(f"{url}{HERE}")
    # Pressed twice before the first response: one form is sent.
    await chromium.ask("document.querySelector('#note').value = 'once'")
    await chromium.press(".note-box button", text="once")
    assert "Note added." in await chromium.text()
    await chromium.ask("history.back()")
    await chromium.until("!location.search && document.readyState == 'complete' && !!document.querySelector('#note')")
    await chromium.press(".note-box button", text="twice")
    assert "Note added." in await chromium.text(), "the button works again after Back"
    assert await kinds(house, "note") == 2
    await chromium.ask(
        "(() => { const form = document.querySelector('.note-box form');"
        " form.elements.text.value = 'thrice'; const button = form.querySelector('button');"
        " button.click(); button.click(); })()"
    )
    await chromium.until("document.body.innerText.includes('thrice')")
    assert await kinds(house, "note") == 3
