"""Below a proxy's path (F11), all links, redirects, forms and cookies use it; with a real nginx and Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from receiver.config import Config
from receiver.metrics import Metrics
from receiver.web.http.file_descriptors import Caps
from receiver.web.http.parser_rejections import Rejections
from receiver.web.http.path_prefix import without_prefix
from receiver.web.http.runner import Runner
from receiver.web.http.server import Listener
from receiver.web.routes import build
from tests.config.sample import SMALL, problems_of, text_of
from tests.docs.pages import DOCS, blocks
from tests.stories.world import alert, notification
from tests.web.browser import browser
from tests.web.conftest import READ, House, Opened
from tests.web.nginx import nginx

pytestmark = pytest.mark.e2e
HOST = "incidents.example.com"
PAGES = ("/", "/incidents/INC-2026-0001", "/oncall", "/reports/2026-11", "/status", "/status/history", "/api/docs")


def below(config: Config, **more: Any) -> Config:
    service = config.service.model_copy(update={"public_url": f"https://{HOST}/receiver"})
    return config.model_copy(update={"service": service, **more})


def location(port: int | None) -> str:
    """Return the nginx configuration of the documentation, for the service at `port`."""
    (block,) = [one for one in blocks(DOCS / "operating.md") if one.language == "nginx"]
    return block.text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")


@pytest.fixture
async def house(opened: Opened) -> House:
    made = await opened(below)
    await made.world.post(notification(alert()))
    return made


@pytest.fixture(params=["taken off", "kept"])
async def front(house: House, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of the proxy, which strips the path or keeps it."""
    metrics = Metrics()
    caps, prefix = Caps(100, 100, 100), lambda: house.replica.config.public_path
    runner = Runner(
        build(house.parts), Listener("main", caps, Rejections(metrics), metrics, lambda: (), prefix), access_log=None,
        shutdown_timeout=0.1,
    )  # fmt: skip
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    text = location(port)
    if request.param == "kept":
        text = text.replace(f"proxy_pass http://127.0.0.1:{port}/;", f"proxy_pass http://127.0.0.1:{port};")
        assert text != location(port)
    try:
        async with nginx(tmp_path / "nginx", text) as url:
            yield url
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/receiver/status?a=%2F", "/status?a=%2F"),
        ("/receiver", "/"),
        ("/receiver?a=1", "/?a=1"),
        ("/receiver/", "/"),
        ("/receiver//evil.example/x", "//evil.example/x"),
        ("/receiver/receiver/x", "/receiver/x"),
        ("/receiver/a%2Fb", "/a%2Fb"),
        ("/receivers/x", "/receivers/x"),
        ("/other/receiver/x", "/other/receiver/x"),
        ("/status", "/status"),
    ],
)
def test_what_is_left_of_a_path_without_the_prefix(path: str, left: str) -> None:
    message = make_mocked_request("GET", path)._message
    found = without_prefix(message, "/receiver")
    assert found.path == left
    assert found.url.host is None
    assert found.url.raw_path == left.partition("?")[0]
    assert found.url.raw_query_string == message.url.raw_query_string
    assert without_prefix(message, "") is message


def led_to(text: str) -> list[str]:
    """Return every address on this host that a page links to."""
    found = re.findall(r'(?:href|action|src)="([^"]*)"|url=([^"]*)"', text)
    return [unescape(one) for pair in found for one in pair if one.startswith("/")]


async def test_every_address_of_every_page_is_below_the_path(house: House, front: str) -> None:
    async with aiohttp.ClientSession() as client:
        seen = set()
        for path in PAGES:
            async with client.get(f"{front}/receiver{path}", headers=READ) as answer:
                text = await answer.text()
                assert answer.status == 200, (path, text)
            addresses = led_to(text)
            assert all(one.startswith("/receiver/") for one in addresses), (path, addresses)
            seen.update(addresses)
        for address in seen:
            if "accept" not in address and "logout" not in address:
                async with client.get(f"{front}{address}", headers=READ) as answer:
                    assert answer.status == 200, address
        async with client.get(f"{front}/receiver/api/openapi.json") as answer:
            assert (await answer.json())["servers"] == [{"url": "/receiver"}]
        async with client.get(f"{front}/receiver/status/feed.atom") as answer:
            assert f"https://{HOST}/receiver/status" in await answer.text()
        asked = {"title": "x", "severity": "SEV-3"}
        async with client.post(f"{front}/receiver/api/v1/incidents", json=asked, headers=READ) as answer:
            made = answer.headers["Location"]
        async with client.get(f"{front}{made}", headers=READ) as answer:
            assert answer.status == 200, made
            assert (await answer.json())["links"]["console"].startswith(f"https://{HOST}/receiver/incidents/")
    assert len(seen) >= 6


async def test_a_person_signs_in_below_the_path(house: House, front: str) -> None:
    seen: dict[str, Any] = {"headers": {"Accept": "text/html"}, "allow_redirects": False}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        async with client.get(f"{front}/receiver/oncall", **seen) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/receiver/login?next=/oncall")
        cross = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
        async with client.get(f"{front}/receiver/oncall", headers=cross) as answer:
            assert set(led_to(await answer.text())) == {"/receiver/oncall"}
        fields = {"token": "respond-token", "next": "/oncall"}
        async with client.post(f"{front}/receiver/login", data=fields, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/receiver/oncall")
            assert "Path=/receiver;" in f"{answer.headers['Set-Cookie']};"


async def test_the_console_works_there_in_a_browser(house: House, front: str, tmp_path: Path) -> None:
    async with browser(tmp_path) as chromium:
        await chromium.go(f"{front}/receiver/")
        await chromium.until("location.pathname == '/receiver/login' && !!document.querySelector('#token')")
        await chromium.ask("document.querySelector('#token').value = 'respond-token'")
        await chromium.ask("document.querySelector('button').click()")
        await chromium.until("location.pathname == '/receiver/' && document.readyState == 'complete'")
        await chromium.ask("document.querySelector('main a[href$=\"INC-2026-0001\"]').click()")
        await chromium.until("location.pathname == '/receiver/incidents/INC-2026-0001'")
        await chromium.go(f"{front}/receiver/oncall")
        await chromium.ask("document.querySelector('form[action$=\"/oncall/primary/accept\"] button').click()")
        await chromium.until("document.body.innerText.includes('Accepted by')")
        assert await chromium.ask("location.pathname") == "/receiver/oncall"
        await chromium.ask("document.querySelector('form.who button').click()")
        await chromium.until("location.pathname == '/receiver/login'")
        await chromium.go(f"{front}/receiver/")
        assert await chromium.ask("location.pathname") == "/receiver/login"


async def test_the_page_that_listens_alone_is_at_the_root_of_its_host(house: House) -> None:
    async with house.status.get("/status") as answer:
        assert "/receiver/" not in "".join(led_to(await answer.text()))


@pytest.mark.parametrize(
    ("text", "path", "base"),
    [
        ("", "", None),
        ("service: {public_url: https://a.example}\n", "", "https://a.example"),
        ("service: {public_url: https://a.example/r/}\n", "/r", "https://a.example/r"),
        ("service: {public_url: https://a.example}\nserver: {public_path: /r/}\n", "/r", "https://a.example/r"),
        ("service: {public_url: https://a.example/r}\nserver: {public_path: /r}\n", "/r", "https://a.example/r"),
        ("server: {public_path: /a/b}\n", "/a/b", None),
    ],
)
def test_what_the_path_is(text: str, path: str, base: str | None) -> None:
    config = text_of(SMALL + text)
    assert (config.public_path, config.base_url) == (path, base)


@pytest.mark.parametrize("path", ["receiver", "/a b", "/a/../b", "//evil.example", "/a?b", "/<x>", '/"', "/a/."])
def test_what_is_no_path_is_refused(path: str) -> None:
    assert any(
        "server.public_path: not a path" in one for one in problems_of(SMALL + f"server: {{public_path: '{path}'}}\n")
    )


def test_two_paths_that_differ_are_a_mistake() -> None:
    text = SMALL + "service: {public_url: https://a.example/r}\nserver: {public_path: /s}\n"
    assert any("server.public_path: not the path of service.public_url" in one for one in problems_of(text))
