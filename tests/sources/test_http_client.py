"""The HTTP client against a server with all kinds of responses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from receiver.sources.health_check import status_of
from receiver.sources.http_client import AT_ONCE, LARGEST, SourceClient, SourceError


class Site:
    """A server, and the requested paths."""

    server: TestServer

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.app = web.Application()
        self.app.router.add_get("/{path:.*}", self.handle)

    async def open(self, aiohttp_server: AiohttpServer) -> Self:
        self.server = await aiohttp_server(self.app)
        return self

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/away":
            raise web.HTTPFound(str(self.server.make_url("/inside")))
        if request.path == "/hangs":
            await asyncio.sleep(30)
        if request.path == "/large":
            return web.Response(body=b"x" * (LARGEST + 1))
        return web.Response(text="not JSON")


@pytest.fixture
async def site(aiohttp_server: AiohttpServer) -> Site:
    return await Site().open(aiohttp_server)


@pytest.fixture
async def source_client() -> AsyncIterator[SourceClient]:
    made = SourceClient(limit=20)  # a busy machine needs a second for the large response
    yield made
    await made.close()


async def test_a_redirect_is_an_answer_and_leads_nowhere(site: Site, source_client: SourceClient) -> None:
    assert await status_of(source_client, str(site.server.make_url("/away"))) == 302
    assert site.asked == ["/away"]


async def test_a_host_that_never_answers_keeps_no_other_waiting(site: Site, aiohttp_server: AiohttpServer) -> None:
    source_client, other = SourceClient(limit=2), await Site().open(aiohttp_server)
    hung = [asyncio.create_task(source_client.get(str(site.server.make_url("/hangs")))) for _ in range(3 * AT_ONCE)]
    try:
        await asyncio.sleep(0.2)
        assert (await source_client.get(str(other.server.make_url("/")), limit=1)).status == 200
    finally:
        for task in hung:
            task.cancel()
        await asyncio.gather(*hung, return_exceptions=True)
        await source_client.close()


@pytest.mark.parametrize(
    ("path", "limit", "reason"), [("/hangs?token=s3cret", 0.3, "timeout"), ("/large?token=s3cret", 20, "bad_answer")]
)
async def test_what_is_no_answer_says_which_host_and_no_more(
    site: Site, source_client: SourceClient, path: str, limit: float, reason: str
) -> None:
    with pytest.raises(SourceError) as raised:
        await source_client.get(str(site.server.make_url(path)), limit=limit)
    assert raised.value.reason == reason
    assert "127.0.0.1" in str(raised.value)
    assert "s3cret" not in str(raised.value)


async def test_nobody_there_is_a_failed_connection(site: Site, source_client: SourceClient) -> None:
    url = str(site.server.make_url("/"))
    await site.server.close()
    with pytest.raises(SourceError, match=r"no connection to 127\.0\.0\.1"):
        await source_client.get(url)


async def test_an_answer_that_is_not_json_says_so(site: Site, source_client: SourceClient) -> None:
    said = await source_client.get(str(site.server.make_url("/")))
    with pytest.raises(SourceError, match="returned 200 with something other than JSON"):
        said.json()
