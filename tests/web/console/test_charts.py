"""Similar incidents and charts in a real Chromium: on a phone and a desktop, light and dark, checked with axe-core."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.world import notification
from tests.web.browser import Browser
from tests.web.conftest import READ, House
from tests.web.console.conftest import sign_in, violations
from tests.web.console.test_night_incident import compared
from tests.web.test_isolation import asked
from tests.web.test_similar import indexed, lived, slow

pytestmark = pytest.mark.e2e
LOOKS = (("phone-light", 390, 844), ("desktop-dark", 1440, 900))


async def worked_on(house: House) -> str:
    """Open an incident that is similar to an earlier one, acknowledge and monitor it; return its id."""
    await lived(house, "api-1", "2026-11-23T14:00:00Z")
    await indexed(house)
    _, said = await house.post(notification(slow("api-2", starts="2026-11-23T14:15:00Z"), group="again"))
    path = f"/api/v1/incidents/{said['incident']}"
    for minutes, verb in ((3, "acknowledge"), (9, "identify"), (6, "mitigate")):
        house.world.clock.forward(timedelta(minutes=minutes))
        await asked(house, "POST", f"{path}/{verb}", READ)
    house.world.clock.forward(timedelta(minutes=10))
    await indexed(house)
    return str(said["incident"])


async def test_charts_and_similar_incidents_are_read_by_everybody(house: House, chromium: Browser, axe: str) -> None:
    number = await worked_on(house)
    url, wrong = str(house.client.make_url("/")).rstrip("/"), list[str]()
    pictures: dict[str, bytes] = {}
    here = f"/incidents/{number}"
    paths = {"similar": here, "report": "/reports/2026-11", "timeline": f"{here}/timeline"}
    await chromium.view(390, 844, "light")
    await sign_in(chromium, url)
    for name, width, height in LOOKS:
        await chromium.view(width, height, name.partition("-")[2])
        for picture, path in paths.items():
            await chromium.go(f"{url}{path}")
            assert await chromium.ask("document.querySelectorAll('.chart svg').length") >= 1, path
            assert await chromium.ask("document.documentElement.scrollWidth") <= width, path
            if picture == "similar":
                # The other pages are checked in test_night_incident.py.
                wrong += [f"{name} {path} {one}" for one in await violations(chromium, axe)]
            place = "#facts" if picture == "similar" else ".chart"
            await chromium.ask(f"document.querySelector('{place}').scrollIntoView()")
            pictures[f"{name}-{picture}"] = await chromium.picture()
    assert wrong + await compared(chromium, pictures) == []
