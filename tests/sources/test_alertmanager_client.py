"""The client of Alertmanager's API: headers for each address, hosts in messages, and several Alertmanagers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from receiver.model.host_name import host_of
from receiver.sources.alertmanager import Address, Alertmanager
from receiver.sources.http_client import SourceClient, SourceError

NOW = datetime(2026, 11, 30, 5, tzinfo=UTC)


class Tenant:
    """An Alertmanager that responds only to requests with its tenant, and has one silence."""

    server: TestServer

    def __init__(self, tenant: str, silence: str) -> None:
        self.tenant, self.silence = tenant, silence
        self.asked: list[tuple[str, str]] = []
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self.handle)

    @property
    def address(self) -> Address:
        return Address(str(self.server.make_url("/")), {"X-Scope-OrgID": self.tenant})

    async def handle(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Scope-OrgID") != self.tenant:
            return web.Response(status=401)
        self.asked.append((request.method, request.path))
        if request.method == "DELETE":
            return web.Response(status=200 if request.path.endswith(self.silence) else 404)
        if request.method == "POST":
            return web.json_response({"silenceID": self.silence})
        answer: Any = {"uptime": NOW.isoformat()} if request.path.endswith("/status") else []
        return web.json_response(answer)


@pytest.fixture
async def tenants(aiohttp_server: AiohttpServer) -> tuple[Tenant, Tenant]:
    made = Tenant("prod", "s-1"), Tenant("stage", "s-2")
    for one in made:
        one.server = await aiohttp_server(one.app)
    return made


@pytest.fixture
async def source_client() -> AsyncIterator[SourceClient]:
    made = SourceClient(limit=2)
    yield made
    await made.close()


async def test_headers_go_with_every_request(tenants: tuple[Tenant, Tenant], source_client: SourceClient) -> None:
    upstream = Alertmanager(source_client, [one.address for one in tenants])
    assert (await upstream.standing()).silent == ()
    assert await upstream.groups() == []
    known, fresh = await upstream.silence({"a": "b"}, NOW, NOW + timedelta(hours=1), "alice", "INC-1 x", "INC-1")
    assert (known, fresh) == ("s-1", True)
    await upstream.expire("s-1")
    first, second = (tenant.asked for tenant in tenants)
    assert {method for method, _ in first} == {"GET", "POST", "DELETE"}
    assert ("GET", "/api/v2/alerts/groups") in second, "each is queried: they may have different alerts"


async def test_a_silence_ends_where_it_is(tenants: tuple[Tenant, Tenant], source_client: SourceClient) -> None:
    upstream = Alertmanager(source_client, [one.address for one in tenants])
    await upstream.expire("s-2")
    assert [tenant.asked for tenant in tenants] == [[("DELETE", "/api/v2/silence/s-2")]] * 2
    await upstream.expire("s-3")
    gone = Address("http://127.0.0.1:1")
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:1"):
        await Alertmanager(source_client, [gone, tenants[0].address]).expire("s-2")


async def test_a_message_names_the_port_and_nothing_secret(
    tenants: tuple[Tenant, Tenant], source_client: SourceClient
) -> None:
    port = tenants[0].server.port
    refused = Address(f"http://user:s3cret@127.0.0.1:{port}/path?token=s3cret")
    with pytest.raises(SourceError) as raised:
        await Alertmanager(source_client, [refused]).standing()
    assert str(raised.value) == f"127.0.0.1:{port} returned 401"
    with pytest.raises(SourceError, match=r"no connection to 127\.0\.0\.1:1$"):
        await Alertmanager(source_client, [Address("http://127.0.0.1:1")]).standing()
    assert "prod" not in repr(tenants[0].address)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://am.example.com/path?token=x", "am.example.com"),
        ("http://u:p@am:9093", "am:9093"),
        ("http://[::1]:9093/", "[::1]:9093"),
        ("http://am:99999", "the address"),
        ("", "the address"),
    ],
)
def test_how_a_host_is_named(url: str, said: str) -> None:
    assert host_of(url) == said
