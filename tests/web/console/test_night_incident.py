"""The night story in a real Chromium, with and without scripts; each step is checked in every window.

The windows are those of a phone and of a desktop, light and dark: eight looks share two nights.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.fakes.vendor import Answer
from tests.stories.world import alert, notification
from tests.web.browser import Browser, tab
from tests.web.conftest import READ, House
from tests.web.console.conftest import PICTURES, TOLERANCE, sign_in

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Look:
    """A window size, a color scheme, and whether scripts run."""

    width: int
    height: int
    scheme: str

    @property
    def name(self) -> str:
        return f"{'phone' if self.width < 700 else 'desktop'}-{self.scheme}"


PHONE, DESKTOP = Look(390, 844, "light"), Look(1440, 900, "dark")
LOOKS = (Look(390, 844, "dark"), Look(1440, 900, "light"), DESKTOP, PHONE)
SHOWN = (PHONE, DESKTOP)
"""Looks with pictures in the documentation."""


@pytest.fixture
async def other(chromium_port: int) -> AsyncIterator[Browser]:
    """Another person's browser."""
    async with tab(chromium_port) as made:
        yield made


class Night:
    """One person's night with one incident, in `look` unless a step uses another."""

    def __init__(self, house: House, chromium: Browser, other: Browser, number: int, *, scripts: bool) -> None:
        self.house, self.chromium, self.other, self.scripts = house, chromium, other, scripts
        self.number, self.id = number, f"INC-2026-{number:04d}"
        self.url = str(house.client.make_url("/")).rstrip("/")
        self.pictures: dict[str, bytes] = {}

    @property
    def here(self) -> str:
        return f"{self.url}/incidents/{self.id}"

    async def view(self, look: Look) -> None:
        await self.chromium.view(look.width, look.height, look.scheme, scripts=self.scripts)

    async def shown(self, text: str) -> None:
        """Wait until the open page shows the text; without scripts, reload it."""
        if not self.scripts:
            await self.chromium.go(str(await self.chromium.ask("location.origin + location.pathname")))
        await self.chromium.until(f"document.body.innerText.includes({text!r})")

    async def seen(self, step: str) -> None:
        """Check the page in each window: nothing scrolls sideways. Save the pictures of the documentation."""
        for look in LOOKS:
            await self.view(look)
            wide = await self.chromium.ask("(scrollTo(0, 0), document.documentElement.scrollWidth)")
            assert wide <= look.width, (step, look, wide)
            if self.scripts and look in SHOWN:
                self.pictures[f"{look.name}-{step}"] = await self.chromium.picture()

    async def live(self) -> None:
        await self.opens()
        await self.works()
        await self.publishes()
        await self.covers_and_retries()
        await self.ends()

    async def opens(self) -> None:
        chromium, world = self.chromium, self.house.world
        await self.view(PHONE)
        await chromium.go(f"{self.url}/")
        if self.scripts:
            await chromium.until("!!document.querySelector('#live.on')")
        world.pagerduty.script.append(Answer(status=400))
        rate = {"error_rate": "7.3%", "summary": "Checkout answers 500"}
        labels = {"service": f"api-{self.number}"}
        await world.post(notification(alert(labels=labels, annotations=rate), group=self.id))
        await self.shown(self.id)
        await self.seen("list")
        await self.other.go(self.here)
        if self.scripts:
            await self.other.until("!!document.querySelector('#live.on')")
            await chromium.key("j")
            await chromium.leads("a")
        else:
            await chromium.press(f"button[name=acknowledge][value='{self.id}']")
        assert "Acknowledged." in await chromium.text()
        _, incident = await self.house.get(f"/api/v1/incidents/{self.id}", READ)
        assert (incident["state"], incident["acknowledged_by"]) == ("acknowledged", "admin")
        if self.scripts:
            await self.other.until("document.body.innerText.includes('acknowledged by admin')")
        await chromium.go(self.here)
        assert "refused" in await chromium.text(), "the page that the vendor refused is not shown as sent"

    async def works(self) -> None:
        chromium = self.chromium
        await chromium.press("form[action$='/checklist'] button[value='1']")
        await chromium.press("#head form[action$='/role'] button", person="alice")
        await chromium.press(".note-box button", text="p99 went up <b>at once</b>")
        await chromium.press("form[action$='/mitigation'] button", option="rollback", text="to 1.2")
        text = await chromium.text()
        for said in ("p99 went up <b>at once</b>", "Checklist (1 of 6)", "Rollback deployment", "IC Alice"):
            assert said in text, said
        await self.seen("incident")
        done = self.house.client.post(f"/api/v1/incidents/{self.id}/notes", json={"text": "seen by bob"}, headers=READ)
        async with done as response:
            assert response.status == 200
        await self.shown("seen by bob")

    async def publishes(self) -> None:
        chromium = self.chromium
        await chromium.press("form[action$='/draft'] button", text="Checkout fails for some customers.")
        await chromium.go(f"{self.url}/console/status")
        await chromium.ask("document.querySelector('#preview-1').open = true")
        await self.seen("status")
        await chromium.press("form[action$='/approve'] button")
        assert "Who is notified" in await chromium.text()
        await self.seen("confirm")
        await chromium.press("#confirm")
        text = await chromium.text()
        assert "Published." in text
        assert "Checkout fails for some customers." in text

    async def covers_and_retries(self) -> None:
        chromium = self.chromium
        await chromium.go(f"{self.url}/oncall")
        await self.seen("oncall")
        await chromium.press(f".weeks a:nth-of-type({15 + self.number})")
        await chromium.press("#override button", person="cto")
        assert "Override saved." in await chromium.text()
        self.house.world.slack.script.append(Answer(body={"ok": False, "error": "is_archived"}))
        asked = self.house.client.post(f"/api/v1/incidents/{self.id}/notes", json={"text": "for chat"}, headers=READ)
        async with asked as response:
            assert response.status == 200
        await self.house.world.quiet()
        await chromium.go(f"{self.url}/system")
        await self.seen("system")
        await chromium.press("#letters button[name=retry]")
        assert "another attempt" in await chromium.text()
        await self.house.world.quiet()

    async def ends(self) -> None:
        chromium = self.chromium
        await chromium.go(self.here)
        if self.scripts:
            await chromium.leads("r")
        else:
            await chromium.press("form[action$='/resolve'] button")
        await chromium.press("#confirm", text="The old release is back")
        assert "Resolved." in await chromium.text()
        await chromium.go(f"{self.here}/postmortem?edit=1")
        await chromium.press("form.stack button", markdown="## What happened\n\nA deploy <script>broke</script> it.")
        text = await chromium.text()
        assert "A deploy <script>broke</script> it." in text
        assert "Version 1 (draft) by admin" in text
        await self.seen("postmortem")


async def test_the_night_in_eight_looks(house: House, chromium: Browser, other: Browser) -> None:
    url = str(house.client.make_url("/")).rstrip("/")
    await asyncio.gather(sign_in(chromium, url), sign_in(other, url))
    nights = [Night(house, chromium, other, 1, scripts=True), Night(house, chromium, other, 2, scripts=False)]
    for night in nights:
        await night.live()
    wrong = await compared(chromium, nights[0].pictures)
    assert wrong == []


async def compared(chromium: Browser, taken: dict[str, bytes]) -> list[str]:
    """Return the pictures that differ from those in docs; a missing one is saved there."""
    pairs: dict[str, list[str]] = {}
    for name, picture in taken.items():
        path = PICTURES / f"{name}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
        pairs[name] = [base64.b64encode(one).decode() for one in (path.read_bytes(), picture)]
    script = """(async (pairs) => {
      const read = async (text) => {
        const image = new Image();
        image.src = `data:image/png;base64,${text}`;
        await image.decode();
        const canvas = new OffscreenCanvas(96, 96), pen = canvas.getContext("2d");
        pen.drawImage(image, 0, 0, 96, 96);
        return pen.getImageData(0, 0, 96, 96).data;
      };
      const found = {};
      for (const [name, [one, other]] of Object.entries(pairs)) {
        const [a, b] = [await read(one), await read(other)];
        found[name] = a.reduce((sum, value, index) => sum + Math.abs(value - b[index]), 0) / a.length / 255;
      }
      return found;
    })"""
    await chromium.go("about:blank")
    await chromium.call("Emulation.setScriptExecutionDisabled", value=False)
    found = await chromium.result(f"{script}({pairs!r})")
    return [f"{name} differs by {difference:.2f}" for name, difference in found.items() if difference > TOLERANCE]
