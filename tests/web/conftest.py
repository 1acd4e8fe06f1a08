"""An HTTP server with a real replica, a real store, and fake vendors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import cache
from typing import Any, Self

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from receiver.active_config_builder import build_active_config
from receiver.app import app_parts
from receiver.config import Config
from receiver.reload import Reloader
from receiver.web.app_keys import ServiceState
from receiver.web.html_pages import HtmlPages
from receiver.web.routes import build, build_status
from tests.stories.world import World

INGEST = {"Authorization": "Bearer am-token"}
READ = {"Authorization": "Bearer respond-token"}
ADMIN = {"Authorization": "Bearer admin-token"}
JSON = {"Content-Type": "application/json"}
PATH = "/webhooks/alertmanager"

Client = TestClient[Any, Any]


class House:
    """A replica, its HTTP server, and a client of it."""

    client: Client
    status: Client

    def __init__(self, world: World, change: Callable[[Config], Config]) -> None:
        self.world = world
        replica = world.one
        self.replica = replica
        self.state = ServiceState(ready=True)
        replica.config = change(replica.config)
        # Decisions and pages use the same configuration.
        replica.setting = build_active_config(replica.config, replica.setting.channels, replica.posted)
        self.source: Callable[[], Config] = lambda: replica.config
        self.reloader = Reloader(replica, self._read)
        self.parts = replace(app_parts(replica, self.state, self.reloader), stood_still=lambda: False)

    async def serve(self, aiohttp_client: AiohttpClient) -> Self:
        """Start the HTTP servers of the service and of the status page, with a client of each."""
        self.client = await aiohttp_client(build(self.parts))
        self.status = await aiohttp_client(build_status(self.parts))
        return self

    def _read(self) -> Config:
        return self.source()

    async def close(self) -> None:
        """Close both clients, used or not."""
        await self.client.close()
        await self.status.close()

    async def post(self, body: bytes | str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Post a body as Alertmanager does; return status and answer."""
        async with self.client.post(PATH, data=body, headers={**INGEST, **JSON, **headers}) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str, headers: dict[str, str] = READ) -> tuple[int, Any]:
        """Get a path; return status and JSON."""
        async with self.client.get(path, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    def counted(self, outcome: str) -> float:
        """Return the number of webhooks with that outcome."""
        found = self.parts.metrics.registry.get_sample_value(
            "receiver_webhooks_total", {"source": "alertmanager", "outcome": outcome}
        )
        return found or 0.0


Opened = Callable[..., Awaitable[House]]


compile_templates: Callable[[HtmlPages], Any] = HtmlPages.__dict__["_templates"].func


@cache
def compiled() -> Any:
    """Return the console's templates, which are the same for every application."""
    return compile_templates(HtmlPages())


@pytest.fixture(autouse=True)
def templates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile the templates once for all tests of a process, as a service does."""
    monkeypatch.setattr(HtmlPages, "_templates", property(lambda pages: compiled()))


@pytest.fixture
async def opened(store_url: str, patient: None, aiohttp_client: AiohttpClient) -> AsyncIterator[Opened]:
    """Call it with what the configuration shall have otherwise; it returns the house."""
    world = World(store_url)
    houses: list[House] = []

    async def open_house(change: Callable[[Config], Config] = lambda config: config, **env: Any) -> House:
        await world.open(**env)
        house = await House(world, change).serve(aiohttp_client)
        houses.append(house)
        return house

    try:
        yield open_house
    finally:
        for house in houses:
            await house.close()
        await world.close()


@pytest.fixture
async def house(opened: Opened) -> House:
    """A house with the reference configuration."""
    return await opened()
