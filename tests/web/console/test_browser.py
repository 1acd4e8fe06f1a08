"""The console in a real Chromium: sign-in, accepting a hand-off, and requests from other sites."""

from __future__ import annotations

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import House

pytestmark = pytest.mark.e2e
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
async def elsewhere(house: House, aiohttp_server: AiohttpServer) -> str:
    """The address of a page of another site, which links to an incident and sends a form."""
    ours = str(house.client.make_url("/"))

    async def page(request: web.Request) -> web.Response:
        return web.Response(
            content_type="text/html",
            text=f'<a href="{ours}incidents/INC-2026-0001">an incident</a>'
            f'<form method="post" action="{ours}oncall/primary/accept"><input name="by" value="mallory"></form>',
        )

    app = web.Application()
    app.router.add_get("/", page)
    server = await aiohttp_server(app)
    return f"http://localhost:{server.port}/"


async def sign_in(chromium: Browser, address: str) -> None:
    await chromium.go(address)
    await chromium.until("location.pathname == '/login' && !!document.querySelector('#token')")
    await chromium.ask("document.querySelector('#token').value = 'respond-token'")
    await chromium.ask("document.querySelector('button').click()")
    await chromium.until("location.pathname != '/login' && document.readyState == 'complete'")


async def test_a_person_signs_in_accepts_the_hand_off_and_signs_out(house: House, chromium: Browser) -> None:
    await house.world.post(notification(alert(annotations={"summary": HOSTILE}, labels={"service": HOSTILE})))
    await sign_in(chromium, str(house.client.make_url("/incidents/INC-2026-0001")))
    assert await chromium.ask("location.pathname") == "/incidents/INC-2026-0001"
    text = await chromium.text()
    assert HOSTILE in text
    assert "Signed in with the token on-call-cli" in text
    assert "INC-2026-0001" in await chromium.ask("document.title")
    assert await chromium.ask("[document.images.length, document.scripts.length]") == [0, 1], "its own script"
    assert await chromium.ask("document.cookie") == ""
    assert await chromium.ask("getComputedStyle(document.querySelector('main')).maxWidth") == "1312px", "its own style"
    await chromium.go(str(house.client.make_url("/oncall")))
    await chromium.ask("document.querySelector('form[action=\"/oncall/primary/accept\"] button').click()")
    await chromium.until("document.body.innerText.includes('Accepted by')")
    await chromium.ask("document.querySelector('form.who button').click()")
    await chromium.until("location.pathname == '/login'")
    await chromium.go(str(house.client.make_url("/")))
    assert await chromium.ask("location.pathname") == "/login"


async def test_a_link_elsewhere_arrives_and_a_form_elsewhere_does_nothing(
    house: House, chromium: Browser, elsewhere: str
) -> None:
    await house.world.post(notification(alert()))
    await sign_in(chromium, str(house.client.make_url("/")))
    await chromium.go(elsewhere)
    await chromium.ask("document.querySelector('a').click()")
    await chromium.until("location.pathname == '/incidents/INC-2026-0001' && !!document.querySelector('form.who')")
    assert "Signed in with the token on-call-cli" in await chromium.text()
    await chromium.go(elsewhere)
    await chromium.ask("document.querySelector('form').submit()")
    await chromium.until("location.pathname == '/oncall/primary/accept'")
    schedules, now = house.parts.overrides.schedules, house.world.clock.now()
    assert schedules.accepted(schedules.handing("primary", now)) is None
    assert "Forbidden" in await chromium.text()
