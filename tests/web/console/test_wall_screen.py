"""The wall screen: large, without controls, updated automatically, and with an optional sound."""

from __future__ import annotations

import pytest

from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import READ, House
from tests.web.console.conftest import sign_in

pytestmark = pytest.mark.e2e
COUNTED = """
  window.tones = 0;
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
  window.streams = [];
  const Stream = window.EventSource;
  window.EventSource = class extends Stream { constructor(url) { super(url); window.streams.push(this); } };
  const later = window.setTimeout;
  window.setTimeout = (act, ms) => later(act, ms === 10000 ? 0 : ms);
"""


async def test_a_wall_screen_sounds_for_each_new_incident_once_it_may(house: House, chromium: Browser) -> None:
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.call("Page.addScriptToEvaluateOnNewDocument", source=COUNTED)
    await sign_in(chromium, url)
    await chromium.view(1440, 900, "dark")
    await chromium.go(f"{url}/?wall=1")
    assert await chromium.ask("getComputedStyle(document.body).fontSize") == "24px"
    assert await chromium.ask("document.querySelectorAll('main form, main input, main select').length") == 0, (
        "no controls"
    )
    await chromium.until("!!document.querySelector('#live.on')")
    await house.world.post(notification(alert("Quiet"), group="quiet"))
    await chromium.until("document.body.innerText.includes('INC-2026-0001')")
    assert await chromium.ask("window.tones") == 0, "the sound is off"
    await chromium.ask("document.querySelector('#sound').click()")
    await chromium.until("window.tones === 3 && document.querySelector('#sound').innerText === 'Sound: on'")
    await house.world.post(notification(alert("Loud"), group="loud"))
    await chromium.until("window.tones === 6")
    await house.client.post("/api/v1/incidents/INC-2026-0002/acknowledge", json={}, headers=READ)
    await chromium.until("document.querySelectorAll('[data-unanswered]').length === 1")
    assert await chromium.ask("window.tones") == 6, "an acknowledgement is silent"
    await chromium.ask("window.streams[0].onerror()")
    await chromium.until("!document.querySelector('#stale').hidden")
    assert "this list may be out of date" in await chromium.text()
    await chromium.go(f"{url}/?wall=1")
    assert await chromium.ask("document.querySelector('#sound').innerText") == "Press to turn the sound on again"
    await chromium.view(390, 844, "light", scripts=False)
    await chromium.go(f"{url}/?wall=1")
    assert await chromium.ask("document.querySelector('meta[http-equiv=refresh]').content") == "30"
    assert await chromium.ask("getComputedStyle(document.querySelector('.only-script')).display") == "none"
    assert await chromium.ask("document.documentElement.scrollWidth") <= 390
