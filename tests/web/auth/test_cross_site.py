"""No page of another site can change anything through a browser with credentials; routes come from the route table."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from receiver.config import Config
from receiver.config.settings.service_settings import Auth
from receiver.web.auth.cross_site import SAFE, SIGNED
from tests.stories.world import alert, notification
from tests.web.auth.test_sessions import PERSON, send, sign_in
from tests.web.conftest import House, Opened

FOREIGN: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://"},
    {"Origin": "http://["},
)
BASIC = {"Authorization": "Basic " + base64.b64encode(b"me:admin-token").decode()}
BEARER = {"Authorization": "Bearer admin-token"}
DETAIL = "this request came from a page of another site"


def changing(house: House) -> list[tuple[str, str]]:
    """Return method and path of every route that changes something and is not signed by its sender."""
    app = house.client.app
    assert app is not None
    found = set()
    for route in app.router.routes():
        assert isinstance(route.resource, web.Resource)
        path = route.resource.canonical
        assert route.method != "*", f"{path} accepts every method"
        if route.method not in SAFE and not path.startswith(SIGNED):
            found.add((route.method, path.replace("{id}", "INC-2026-0001").replace("{n}", "1")))
    return sorted(found)


async def refused(house: House, headers: dict[str, str]) -> list[tuple[str, str]]:
    """Return the routes of `changing` that refuse a request with `headers` as a cross-site one."""
    found = []
    for method, path in changing(house):
        async with house.client.request(method, path, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            assert (response.status == 403) or DETAIL not in text
            if DETAIL in text:
                found.append((method, path))
    return found


def without_tokens(config: Config) -> Config:
    return config.model_copy(update={"auth": Auth()})


async def test_neither_basic_credentials_nor_a_session_change_anything_from_another_site(house: House) -> None:
    assert await refused(house, BASIC | FOREIGN[0]) == changing(house)
    await sign_in(house)
    assert await refused(house, FOREIGN[0]) == changing(house)
    for headers in FOREIGN[1:]:
        for given in (BASIC, {}):
            async with house.client.post("/-/reload", headers=given | headers) as response:
                assert (response.status, DETAIL in await response.text()) == (403, True), headers


async def test_a_caller_on_the_loopback_changes_nothing_from_another_site(opened: Opened) -> None:
    house = await opened(without_tokens)
    await house.world.post(notification(alert()))
    assert await refused(house, FOREIGN[0]) == changing(house)
    assert (await house.get("/api/v1/incidents/INC-2026-0001", {}))[1]["state"] == "open"


async def test_a_bearer_token_is_not_asked_where_it_comes_from(house: House) -> None:
    await house.world.post(notification(alert()))
    assert await refused(house, BEARER | FOREIGN[0] | {"Origin": "null"}) == []


@pytest.mark.parametrize("given", [BASIC, {}], ids=["basic", "loopback"])
async def test_our_own_pages_and_programs_are_not_refused(opened: Opened, given: dict[str, str]) -> None:
    house = await opened() if given else await opened(without_tokens)
    own = {"Origin": f"http://{house.client.host}:{house.client.port}"}
    assert await refused(house, given | own) == []
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, own):
        async with house.client.post("/api/v1/incidents", headers=given | headers) as response:
            assert response.status in (400, 415)


async def test_the_host_of_the_public_url_is_our_own(opened: Opened) -> None:
    def change(config: Config) -> Config:
        service = config.service.model_copy(update={"public_url": "https://receiver.example.com/receiver"})
        return config.model_copy(update={"service": service})

    house = await opened(change)
    assert (await sign_in(house, Origin="https://receiver.example.com")).status == 303
    assert (await sign_in(house, Origin="https://receiver.example.com.evil.example")).status == 403
    assert (await sign_in(house, Origin="https://")).status == 403


async def test_a_signed_path_is_not_asked_where_it_comes_from(house: House) -> None:
    for path in ("/slack/commands", "/webhooks/pagerduty", "/hooks/ntfy"):
        async with house.client.post(path, data=b"{}", headers={"Origin": "https://ntfy.example"}) as response:
            assert response.status not in (200, 403)


async def test_a_refused_sign_in_page_is_a_problem_document(house: House) -> None:
    status, text = await send(house, "/login", PERSON | {"Origin": "null"}, token="respond-token")
    assert (status, DETAIL in text) == (403, True)
