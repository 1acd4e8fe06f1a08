"""Every page in a real Chromium: no axe-core violations in either scheme, no sideways scrolling, and a small size."""

from __future__ import annotations

import gzip

import pytest

from receiver.web.html_pages import HtmlPages
from tests.stories.world import alert, notification
from tests.web.api.test_teams import with_teams
from tests.web.browser import Browser
from tests.web.conftest import READ, House, Opened
from tests.web.console.conftest import sign_in, violations
from tests.web.status.conftest import subscribable

pytestmark = pytest.mark.e2e
LARGEST = 60 * 1024
"""Maximum bytes that a page transfers with an empty cache."""
INCIDENT = "/incidents/INC-2026-0001"
PATHS = (
    "/", "/?q=api", "/?month=2026-11&paged=alice&night=1", "/?wall=1", INCIDENT, f"{INCIDENT}?correct=1",
    f"{INCIDENT}/timeline", f"{INCIDENT}/postmortem?edit=1", f"{INCIDENT}/customer-email", "/incidents/INC-2026-0002",
    "/oncall?packet=primary", "/console/status", "/status/internal", "/system", "/reports", "/reports/2026-11",
    "/sessions", "/nope", "/login", "/api/docs",
)  # fmt: skip

ALIKE = {
    "/?q=api", "/?month=2026-11&paged=alice&night=1", f"{INCIDENT}/timeline", f"{INCIDENT}/customer-email",
    "/incidents/INC-2026-0002",
}  # fmt: skip
"""Pages of the same template as another one: only their width and size are looked at."""


async def in_use(house: House) -> None:
    """Create content for every part of the pages: offers, test pages, announcements, action items."""
    for path, body in (
        (f"{INCIDENT}/actions", {"title": "Add a canary", "owner": "bob", "due": "2026-12-01"}),
        ("/oncall/offers", {"dates": ["2026-11-25"], "schedule": "primary", "by": "alice"}),
        ("/oncall/prove", {"people": ["alice"]}), ("/announcements", {"title": "New regions", "text": "Soon."}),
        ("/maintenance", {"name": "upkeep", "matchers": ['service="db"'], "until": "2026-11-24T10:00:00Z"}),
        ("/maintenance", {"name": "w", "matchers": ['a="b"'], "weekly": "Sunday 03:00", "for": 3600}),
    ):  # fmt: skip
        async with house.client.post(f"/api/v1{path}", json=body, headers=READ) as response:
            assert response.status < 300, await response.text()
    house.parts.pagerduty_events.addresses.remember("pager", "k", "https://acme.pagerduty.com/incidents/P1")


async def test_every_page_is_accessible_narrow_and_small(opened: Opened, chromium: Browser, axe: str) -> None:
    house = await opened(lambda config: subscribable(with_teams(config)), SMTP_URL="smtp://127.0.0.1:9?tls=never")
    world = house.world
    both = (alert(annotations={"error_rate": "7.3%"}), alert("Slow"))
    await world.post(notification(*both, group="api"))
    await world.post(notification(alert("Open", annotations={"summary": "x" * 10_000}), group="open"))
    await in_use(house)
    url = str(house.client.make_url("/")).rstrip("/")
    await sign_in(chromium, url)
    wrong = []
    for path in PATHS:
        await chromium.view(390, 844, "light")
        await chromium.go(url + path)
        await chromium.ask("document.querySelectorAll('details').forEach((one) => one.open = true)")
        wide = await chromium.ask("document.documentElement.scrollWidth")
        wrong += [f"{path} is {wide} wide"] if wide > 390 else []
        if path in ALIKE:
            continue
        wrong += [f"light {path} {one}" for one in await violations(chromium, axe)]
        await chromium.view(390, 844, "dark")
        wrong += [f"dark {path} {one}" for one in await violations(chromium, axe, colors=True)]
        assert (path == "/console/status") is await chromium.ask("!!document.querySelector('#subscriber')"), path
    assert wrong == []
    assets = sum(len(gzip.compress(content)) for content, _ in HtmlPages().assets.values())
    async with house.client.post("/login", data={"token": "admin-token"}, allow_redirects=False) as response:
        cookie = response.headers["Set-Cookie"].partition(";")[0]
    for path in PATHS:
        async with house.client.get(path, headers={"Cookie": cookie}) as response:
            size = int(response.headers.get("Content-Length", 0)) or len(await response.read())
        assert size + assets < LARGEST, (path, size + assets)
