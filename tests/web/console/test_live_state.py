"""An open page shows without a reload that the store or a pager is unavailable or back; typed text stays."""

from __future__ import annotations

import pytest

from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.store.client.connection import StoreAway
from receiver.web.api import event_stream
from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import READ, House
from tests.web.console.conftest import sign_in
from tests.web.console.test_forms import HERE, Person


async def test_each_sign_of_life_says_how_store_and_pagers_are(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "BEAT", 0.02)
    person = await Person(house, "respond-token").sign_in()
    assert 'data-state="here 0"' in await person.page("/")
    async with house.client.get("/console/events", headers={"Cookie": person.cookie}) as response:
        lines = response.content

        async def state() -> str:
            while await lines.readline() != b"event: state\n":
                pass
            return (await lines.readline()).decode().strip()

        assert await state() == "data: here 0"
        rows = house.parts.channel_test.channels()
        resting = [{**row, "resting": "paging" in row["uses"]} for row in rows]
        monkeypatch.setattr(house.parts.channel_test, "channels", lambda: resting)
        while (told := await state()) == "data: here 0":
            pass
        assert told == "data: here 1"
        monkeypatch.setattr(StoreMonitor, "away", property(lambda self: True))
        while (told := await state()) == "data: here 1":
            pass
        assert told == "data: away 1"
    async with house.client.get("/api/v1/events", headers=READ) as response:
        seen = b"".join([await response.content.readline() for _ in range(8)])
        assert b": still here" in seen and b"event: state" not in seen, "programs get the same events as before"


@pytest.mark.e2e
async def test_an_open_page_becomes_read_only_and_comes_back(
    house: House, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(event_stream, "BEAT", 0.1)
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(390, 844, "light")
    await sign_in(chromium, url, "respond-token")
    await chromium.go(f"{url}{HERE}")
    await chromium.ask("document.querySelector('#note').value = 'typed at 3 am'")
    locked = "[...document.querySelectorAll('main form[method=post]:not(.who) button')].every((one) => one.disabled)"
    assert not await chromium.ask(locked)
    with monkeypatch.context() as patched:
        patched.setattr(StoreMonitor, "away", property(lambda self: True))
        patched.setattr(house.replica.incidents, "uid_of", away)
        await chromium.until("document.querySelector('#strips').innerText.includes('This page is read-only')")
        assert "In the meantime, acknowledge in pager (PagerDuty)" in await chromium.text()
        assert await chromium.ask(locked)
        assert await chromium.ask("document.querySelector('#note').value") == "typed at 3 am"
    await chromium.until("!document.querySelector('#strips').innerText.includes('read-only')")
    await chromium.until(f"!({locked})")
    await chromium.press(".note-box button")
    assert "typed at 3 am" in await chromium.text()
    # A page that cannot be rendered without the store stays, with the typed text.
    await chromium.go(f"{url}{HERE}/postmortem?edit=1")
    await chromium.ask("document.querySelector('textarea').value = '# Mine'")
    with monkeypatch.context() as patched:
        patched.setattr(StoreMonitor, "away", property(lambda self: True))
        patched.setattr(house.replica.incidents, "uid_of", away)
        await chromium.until("document.querySelector('#strips').innerText.includes('Your input is kept')")
        assert await chromium.ask(locked)
    await chromium.until("document.querySelector('#strips').innerText === ''")
    assert not await chromium.ask(locked)
    assert await chromium.ask("document.querySelector('textarea').value") == "# Mine"
    # A page that was loaded without the store checks for it, and is complete again once the store is back.
    with monkeypatch.context() as patched:
        patched.setattr(StoreMonitor, "away", property(lambda self: True))
        await chromium.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="const every = setInterval; window.setInterval = (act, ms) => every(act, ms === 15000 ? 100 : ms);",
        )
        await chromium.go(f"{url}/oncall")
        assert "This page is read-only" in await chromium.text()
        assert not await chromium.ask("!!document.querySelector('#override')")
    await chromium.until("!!document.querySelector('#override')")
    assert "read-only" not in await chromium.text()
