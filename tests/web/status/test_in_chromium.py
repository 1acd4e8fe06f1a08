"""The status page in a real Chromium: axe-core, use by keyboard only, and pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver.config import Config
from receiver.config.settings.status_page_settings import Colors
from tests.stories.world import alert, notification
from tests.web.browser import Browser, browser
from tests.web.conftest import READ, House, Opened
from tests.web.console.conftest import axe, violations
from tests.web.console.test_keyboard import LISTEN
from tests.web.status.conftest import Mailbox, deliver, link_in, subscribable
from tests.web.status.test_status_page import DOWN
from tests.web.status.test_status_page_content import outage

pytestmark = pytest.mark.e2e
__all__ = ["axe"]
PICTURES = Path(__file__).parents[3] / "docs" / "images" / "status"


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path) as made:
        yield made


async def key(chromium: Browser, name: str, code: int) -> None:
    """Press a key that enters no text."""
    for kind in ("rawKeyDown", "keyUp"):
        await chromium.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)


async def with_troubles(opened: Opened, mailbox: Mailbox) -> House:
    """A page with everything on it."""

    def dress(config: Config) -> Config:
        made = subscribable(config)
        page = made.status_page.model_copy(update={"colors": Colors(header="#1a3a5c")})
        return made.model_copy(update={"status_page": page})

    house = await opened(dress, SMTP_URL=f"smtp://127.0.0.1:{mailbox.port}?tls=never")
    await outage(house)
    house.world.clock.forward(timedelta(hours=30))
    now = house.world.clock.now()
    for path, body in (
        ("announcements", {"title": "New regions", "text": "From January on we also run in Asia."}),
        ("maintenance", {"name": "x", "matchers": ['service="x"'], "components": ["dashboard"],
                         "from": f"{now + timedelta(days=1):%FT%TZ}", "until": f"{now + timedelta(days=2):%FT%TZ}"}),
    ):  # fmt: skip
        async with house.client.post(f"/api/v1/{path}", json=body, headers=READ) as response:
            assert response.status == 201
    await house.world.post(notification(alert("ApiDown", labels=DOWN, starts="2026-11-24T20:00:00Z")))
    await house.world.quiet()
    return house


async def test_axe_finds_nothing_and_the_keyboard_does_everything(
    opened: Opened, mailbox: Mailbox, chromium: Browser, axe: str
) -> None:
    house = await with_troubles(opened, mailbox)
    at = str(house.status.make_url("/status"))
    for path in ("", "/components/api", "/history", f"/incidents/{await _number(house)}"):
        for scheme, width in (("light", 1280), ("dark", 390)):
            await chromium.view(width, 900, scheme)
            await chromium.go(at + path)
            await chromium.ask("document.querySelectorAll('details').forEach((one) => { one.open = true })")
            assert await violations(chromium, axe) == [], (path, scheme)
            assert await chromium.ask("document.documentElement.scrollWidth <= innerWidth"), (path, width)
    await _picture(chromium, at)
    await _walk(house, chromium, at)
    await _subscribe(house, mailbox, chromium, axe)


async def _number(house: House) -> str:
    async with house.status.get("/api/v2/incidents/unresolved.json") as response:
        return str((await response.json())["incidents"][0]["id"])


async def _picture(chromium: Browser, at: str) -> None:
    # A missing picture is saved in docs, where a person checks it.
    for name, scheme, width, height in (("status", "light", 1280, 1000), ("status-phone", "dark", 390, 844)):
        path = PICTURES / f"{name}.png"
        if not path.exists():
            await chromium.view(width, height, scheme)
            await chromium.go(at)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(await chromium.picture())


async def _walk(house: House, chromium: Browser, at: str) -> None:
    # Tab reaches every control and shows the focus; a row of bars is one stop, and arrows move within it.
    await chromium.view(1280, 900, "light")
    for path in ("", "/components/api", "/history", f"/incidents/{await _number(house)}"):
        await chromium.go(at + path)
        count = await chromium.ask(LISTEN.replace("button,", 'button:not([tabindex="-1"]),'))
        for _ in range(count):
            await chromium.key("Tab")
        left = await chromium.ask("[...window.left, ...window.blind].map((one) => one.outerHTML || one)")
        assert left == [], path
    await chromium.go(at)
    strips = await chromium.ask("document.querySelectorAll('.bars').length")
    for strip in range(strips):
        await _tab_to(chromium, f".bars >> {strip}")
        seen = set()
        await key(chromium, "Home", 36)
        # Each bar of the first row; the first and last of the others.
        for step in range(90):
            seen.add(await chromium.ask("document.activeElement.value"))
            await key(chromium, *(("ArrowRight", 39) if not strip else ("End", 35)))
            if strip and step:
                break
        assert len(seen) == (2 if strip else 90)
    await chromium.ask("document.querySelector('.bars button:last-child').focus()")
    for name, code in (("ArrowUp", 38), ("ArrowRight", 39), ("Home", 36), ("End", 35), ("ArrowLeft", 37)):
        await key(chromium, name, code)
    stops = "document.querySelectorAll('.bars')[0].querySelectorAll('button:not([tabindex=\"-1\"])').length"
    assert await chromium.ask(stops) == 1
    assert (await chromium.ask("document.activeElement.value")) == "2026-11-23"
    await chromium.leads("Enter")
    await chromium.until("location.search == '?day=2026-11-23' && document.readyState == 'complete'")
    assert "API: major outage" in await chromium.text()


async def _tab_to(chromium: Browser, selector: str) -> None:
    # Tab until the focus is in the element; `.bars >> 2`: in the third of them.
    name, _, place = selector.partition(" >> ")
    for _ in range(60):
        await chromium.key("Tab")
        if await chromium.ask(
            f"[...document.querySelectorAll('{name}')][{place or 0}].contains(document.activeElement)"
        ):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


async def _subscribe(house: House, mailbox: Mailbox, chromium: Browser, axe: str) -> None:
    # By keyboard only: open the form, type the address, choose a component, send; then confirm, and unsubscribe.
    await chromium.go(str(house.status.make_url("/status")))
    await _tab_to(chromium, "summary")
    await chromium.key("Enter")
    await _tab_to(chromium, "input[type=email]")
    await chromium.type("carol@customer.example")
    await _tab_to(chromium, "input[name=component]")
    await chromium.key(" ")
    await _tab_to(chromium, "details form button")
    await chromium.leads("Enter")
    assert "confirmation email is on its way" in await chromium.text()
    await deliver(house)
    await chromium.go(str(house.status.make_url(link_in(mailbox.mails.pop()))))
    assert await violations(chromium, axe) == []
    assert await chromium.ask("[...document.querySelectorAll(':checked')].map((one) => one.value)") == ["api"]
    await _tab_to(chromium, "button[name=action]")
    await chromium.leads("Enter")
    assert "You are subscribed." in await chromium.text()


async def test_it_works_without_scripts_and_loads_nothing_else(
    opened: Opened, mailbox: Mailbox, chromium: Browser
) -> None:
    house = await with_troubles(opened, mailbox)
    await chromium.view(1280, 900, "light", scripts=False)
    await chromium.go(str(house.status.make_url("/status")))
    assert "2026-11-24 20:48:20 UTC" in await chromium.text()
    await chromium.press(".bars button[value='2026-11-23']")
    assert "Incidents on 2026-11-23" in await chromium.text()
