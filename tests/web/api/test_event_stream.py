"""The stream of changes: a listener that does not read, or is no longer allowed, does not affect others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from receiver.model.incident.incident import Incident
from receiver.web.api import event_stream
from receiver.web.auth import stream_caps
from tests.faults.waiting import until
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House

PATH = "/api/v1/events"


@pytest.fixture
async def incident(house: House) -> Incident:
    """An incident with large changes."""
    long = {f"note{n}": "x" * 1000 for n in range(8)}
    await house.post(notification(alert(annotations=long)))
    (made,) = await house.replica.incidents.listing()
    return made


@pytest.fixture
async def deaf(house: House) -> AsyncIterator[socket.socket]:
    """A listener that connects and never reads."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(made, ("127.0.0.1", house.client.port))
        head = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {READ['Authorization']}\r\n\r\n"
        await loop.sock_sendall(made, head.encode())
        await asyncio.sleep(0.1)
        yield made


async def tell(house: House, incident: Incident, times: int) -> None:
    for _ in range(times):
        for listener in house.replica.incident_cache.listeners:
            listener(incident)
        await asyncio.sleep(0)


async def test_who_does_not_read_is_counted_until_it_is_cut_off(
    house: House, incident: Incident, deaf: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_caps, "EACH", 1)
    monkeypatch.setattr(event_stream, "STUCK", 3.0)
    await tell(house, incident, event_stream.BEHIND + 500)
    async with house.client.get(PATH, headers=READ) as response:
        assert response.status == 429, "it still has its connection"

    async def taken() -> bool:
        async with house.client.get(PATH, headers=READ) as response:
            return response.status == 200

    await until(taken, "it is cut off")
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            while await asyncio.get_running_loop().sock_recv(deaf, 1 << 20):
                pass


async def test_who_does_not_read_holds_up_nobody_else(house: House, incident: Incident, deaf: socket.socket) -> None:
    async with house.client.get(PATH, headers=READ) as response:
        await tell(house, incident, 200)
        read = b""
        while read.count(b"event: incident") < 200:
            read += await asyncio.wait_for(response.content.readany(), 5)


async def test_a_token_that_is_taken_away_ends_the_stream(house: House, incident: Incident) -> None:
    async with house.client.get(PATH, headers=READ) as response:
        await response.content.readany()
        auth = house.replica.config.auth
        left = tuple(one for one in auth.tokens if one.token.get_secret_value() != "respond-token")
        changed = {"auth": auth.model_copy(update={"tokens": left})}
        house.replica.config = house.replica.config.model_copy(update=changed)
        await tell(house, incident, 1)
        assert b"event" not in await asyncio.wait_for(response.content.read(), 5)


async def test_every_stream_ends_when_the_service_stops(house: House) -> None:
    async with house.client.get(PATH, headers=READ) as response:
        await response.content.readany()
        await asyncio.wait_for(house.client.server.close(), 5)
        assert await response.content.read() == b""


async def test_a_caller_has_ten_streams_and_takes_none_from_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as held:
        for _ in range(stream_caps.EACH):
            response = await held.enter_async_context(house.client.get(PATH, headers=READ))
            assert response.status == 200
        async with house.client.get(PATH, headers=READ) as response:
            assert (response.status, "Retry-After" in response.headers) == (429, True)
        async with house.client.get(PATH, headers=ADMIN) as response:
            assert response.status == 200
        monkeypatch.setattr(stream_caps, "stream_room", lambda request: stream_caps.EACH)
        async with house.client.get(PATH, headers=ADMIN) as response:
            assert response.status == 503

    async def taken() -> bool:
        async with house.client.get(PATH, headers=READ) as response:
            return response.status == 200

    await until(taken, "closed streams do not count")
