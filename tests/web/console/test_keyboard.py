"""The console by keyboard only: Tab reaches every control and shows the focus, and the shortcuts work."""

from __future__ import annotations

import pytest

from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import READ, House

pytestmark = pytest.mark.e2e
PAGES = ("/", "/incidents/INC-2026-0001", "/oncall", "/console/status", "/system", "/reports", "/sessions")
FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary"
LISTEN = """(() => {
  document.querySelectorAll('details').forEach((one) => one.open = true);
  const shown = (one) => one.checkVisibility() && !one.disabled && !one.closest('dialog:not([open])');
  const all = [...document.querySelectorAll('FOCUSABLE')].filter(shown);
  window.left = new Set(all); window.blind = [];
  const outlined = (one) => getComputedStyle(one).outlineStyle !== 'none';
  document.addEventListener('focusin', (event) => {
    window.left.delete(event.target);
    if (!outlined(event.target)) window.blind.push(event.target.outerHTML.slice(0, 120));
  });
  // A date or a time has a stop for each of its parts.
  return all.length + 7 * all.filter((one) => /^date/.test(one.type)).length + 2;
})()""".replace("FOCUSABLE", FOCUSABLE)


async def sign_in(chromium: Browser, url: str, token: str) -> None:
    await chromium.go(f"{url}/login")
    await chromium.until("document.activeElement.id == 'token'")
    await chromium.type(token)
    await chromium.leads("Enter")


async def test_tab_reaches_everything_and_is_seen(house: House, chromium: Browser) -> None:
    await house.world.post(notification(alert(), alert("Slow")))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(1440, 900, "light")
    await sign_in(chromium, url, "admin-token")
    wrong = []
    for path in PAGES:
        await chromium.go(url + path)
        count = await chromium.ask(LISTEN)
        for _ in range(count + 8):  # a date or a time has one tab stop for each part
            await chromium.key("Tab")
            if not await chromium.ask("window.left.size"):
                break
        left = await chromium.ask("[...window.left].map((one) => one.outerHTML.slice(0, 120))")
        wrong += [f"{path}: Tab never reaches {one}" for one in left]
        wrong += [f"{path}: no outline at {one}" for one in await chromium.ask("window.blind")]
    assert wrong == []


async def test_keys_acknowledge_note_filter_and_help(house: House, chromium: Browser) -> None:
    for name in ("ApiDown", "DiskFull"):
        await house.world.post(notification(alert(name), group=name))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(1440, 900, "dark")
    await sign_in(chromium, url, "respond-token")
    await chromium.key("?")
    help_text = await chromium.ask("document.querySelector('dialog[open]').innerText")
    for said in ("a: acknowledge", "n: note", "/: search", "j, k:"):
        assert said in help_text, said
    await chromium.key("Escape")
    await chromium.until("!document.querySelector('dialog[open]')")
    await chromium.key("j")
    number = await chromium.ask("document.querySelector('[data-picked]').id.slice(5)")
    await chromium.leads("a")
    assert (await house.get(f"/api/v1/incidents/{number}", READ))[1]["state"] == "acknowledged"
    await chromium.key("j")
    await chromium.leads("Enter")
    assert "/incidents/INC-" in await chromium.ask("location.pathname")
    await chromium.key("n")
    await chromium.type("seen by keyboard")
    await chromium.leads("Enter")
    assert "seen by keyboard" in await chromium.text()
    await chromium.leads("/")
    await chromium.until("document.activeElement.id == 'q'")
    await chromium.type("disk")
    await chromium.leads("Enter")
    assert await chromium.ask("location.search") == "?q=disk"
    assert await chromium.ask("document.querySelectorAll('article').length") == 1
    await chromium.ask("document.querySelector('#filters summary').focus()")
    await chromium.key("Tab")
    await chromium.leads("Enter")
    assert "severity=SEV-1" in await chromium.ask("location.search"), "the first chip"


async def test_every_other_key_of_the_list_of_keys_acts(house: House, chromium: Browser) -> None:
    for name in ("ApiDown", "DiskFull"):
        await house.world.post(notification(alert(name, annotations={"error_rate": "7%"}), group=name))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(1440, 900, "light")
    await sign_in(chromium, url, "respond-token")
    picked = "document.querySelector('[data-picked]').id.slice(5)"
    await chromium.key("j")
    first = await chromium.ask(picked)
    await chromium.key("j")
    assert await chromium.ask(picked) != first
    await chromium.key("k")
    assert await chromium.ask(picked) == first
    await chromium.key("x")
    assert await chromium.ask("document.querySelectorAll('article input:checked').length") == 1
    await chromium.leads("e")
    assert "Escalated to the next step." in await chromium.text(), "a card escalates"
    assert "eng-lead" in {page["person"] for page in (await house.get(f"/api/v1/incidents/{first}"))[1]["pages"]}
    await chromium.key("j")
    assert await chromium.ask(picked) == first, "the most severe is still the first"
    await chromium.leads("r")
    assert f"Resolve {first}?" in await chromium.text(), "a card asks before it resolves"
    assert (await house.get(f"/api/v1/incidents/{first}"))[1]["state"] == "open", "r asks first"
    await chromium.press("main .row a.button")
    assert await chromium.ask("location.pathname") == "/"
    await chromium.key("j")
    await chromium.leads("Enter")
    assert await chromium.ask("location.pathname") == f"/incidents/{first}"
    where = "document.activeElement.closest('details').id"
    await chromium.key("c")
    assert await chromium.ask(where) == "d-checklist"
    await chromium.key("Tab")
    await chromium.leads("Enter")
    assert "Checklist (1 of 6)" in await chromium.text()
    await chromium.key("s")
    assert await chromium.ask(where) == "d-update"
    assert await chromium.ask("document.querySelector('#d-update').open")
    for _ in range(2):
        await chromium.key("Tab")
    await chromium.type("We look into it, e and r are letters here.")
    await chromium.key("r")
    assert await chromium.ask("document.activeElement.value.endsWith('letters here.r')"), "typed, not pressed"
    await chromium.key("Escape")
    await chromium.leads("e")
    assert "Escalated to the next step." in await chromium.text()
    assert "eng-lead" in {page["person"] for page in (await house.get(f"/api/v1/incidents/{first}"))[1]["pages"]}
    await chromium.leads("r")
    assert "Who is notified" in await chromium.text()
    assert (await house.get(f"/api/v1/incidents/{first}"))[1]["state"] == "open", "r asks first"


async def test_the_selected_incident_stays_selected_when_another_one_opens_above_it(
    house: House, chromium: Browser
) -> None:
    await house.world.post(notification(alert("DiskFull"), group="DiskFull"))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(1440, 900, "dark")
    await sign_in(chromium, url, "respond-token")
    await chromium.until("!!document.querySelector('#live.on')")
    await chromium.key("j")
    selected = await chromium.ask("document.querySelector('[data-picked]').id")
    await house.world.post(notification(alert("DatabaseCorruption"), group="DatabaseCorruption"))
    await chromium.until("document.querySelectorAll('[data-card]').length == 2")
    await chromium.until("!!document.querySelector('[data-picked]')")
    assert await chromium.ask("document.querySelector('[data-card]').id") != selected, "the other one is above it"
    assert await chromium.ask("document.querySelector('[data-picked]').id") == selected
