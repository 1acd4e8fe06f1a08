"""The stream of changes: a listener that does not read, or is no longer allowed, does not affect others."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse

from receiver.model.base import rfc3339
from receiver.model.incident.incident import Incident
from receiver.web.api import event_fanout, event_stream
from receiver.web.auth import stream_caps
from tests.faults.waiting import until
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House
from tests.web.console.test_forms import Person

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
    await tell(house, incident, event_fanout.BEHIND + 500)
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

    await until(taken, "those that ended count no more")


async def test_a_change_is_rendered_once_and_written_without_the_tasks_of_its_listeners(
    house: House, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered, woken = Counter[str](), Counter[str]()
    piece, wake = event_stream.Stream._piece, event_fanout.Listener._wake

    def counted_piece(stream: event_stream.Stream, one: Incident) -> bytes:
        rendered["pieces"] += 1
        return piece(stream, one)

    def counted_wake(listener: event_fanout.Listener) -> None:
        woken["tasks"] += 1
        wake(listener)

    monkeypatch.setattr(event_fanout.Listener, "_wake", counted_wake)
    for listener in house.replica.incident_cache.listeners:
        if isinstance(stream := getattr(listener, "__self__", None), event_stream.Stream):
            kind = event_fanout.EventKind(lambda one: counted_piece(stream, one), lambda: b"", whole=True)
            monkeypatch.setattr(stream, "_incidents", kind)
    monkeypatch.setattr(event_fanout, "SLICE", 2)
    async with AsyncExitStack() as held:
        listeners = [await held.enter_async_context(house.client.get(PATH, headers=READ)) for _ in range(5)]
        for response in listeners:
            assert b"listening" in await response.content.readany()
        await asyncio.sleep(0.05)
        await tell(house, incident, 2)
        for response in listeners:
            read = b""
            while read.count(b"event: incident") < 2:
                read += await asyncio.wait_for(response.content.readany(), 5)
        assert (rendered["pieces"], woken["tasks"]) == (2, 0)


async def test_changes_at_the_same_time_are_one_event_of_a_page_and_each_one_of_a_program(
    house: House, incident: Incident
) -> None:
    async with (
        house.client.get("/console/events", headers=READ) as page,
        house.client.get(PATH, headers=READ) as program,
    ):
        for response in (page, program):
            assert b"listening" in await response.content.readany()
        other = incident.model_copy(update={"id": "INC-2026-0002", "uid": "0" * 16})
        for one in (incident, incident, other, incident):
            for listener in house.replica.incident_cache.listeners:
                listener(one)
        said = f"event: change\ndata: {incident.id}\n\nevent: change\ndata: INC-2026-0002\n\n".encode()
        assert await asyncio.wait_for(page.content.readexactly(len(said)), 5) == said
        read = b""
        while read.count(b"event: incident") < 4:
            read += await asyncio.wait_for(program.content.readany(), 5)
        assert re.findall(rb"id: (INC-2026-000.)", read)[:4] == [
            b"INC-2026-0001", b"INC-2026-0001", b"INC-2026-0002", b"INC-2026-0001"
        ]  # fmt: skip


async def test_a_change_that_cannot_be_rendered_ends_at_its_listener(
    house: House, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = event_fanout.Listener.take
    failing: list[event_fanout.Listener] = []

    def take(listener: event_fanout.Listener, news: Any) -> None:
        if not failing or listener in failing:
            failing.append(listener)
            raise ValueError("a mistake of ours")
        taken(listener, news)

    async with house.client.get(PATH, headers=READ) as first, house.client.get(PATH, headers=READ) as second:
        for response in (first, second):
            assert b"listening" in await response.content.readany()
        monkeypatch.setattr(event_fanout.Listener, "take", take)
        await tell(house, incident, 3)
        read = b""
        while read.count(b"event: incident") < 3:
            read += await asyncio.wait_for(second.content.readany(), 5)


async def test_a_stream_ends_with_a_change_that_cannot_be_rendered(
    house: House, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise ValueError("a mistake of ours")

    async with house.client.get(PATH, headers=READ) as stream:
        assert b"listening" in await stream.content.readany()
        monkeypatch.setattr(event_fanout.Batch, "rendered", fail)
        await tell(house, incident, 1)
        # The client connects again with the last id that it received, and misses no change.
        assert b"event: incident" not in await asyncio.wait_for(stream.content.read(), 60)


async def test_a_page_whose_session_is_no_longer_valid_hears_nothing_more(house: House, incident: Incident) -> None:
    people, streams = list[Person](), list[ClientResponse]()
    async with AsyncExitStack() as held:
        for token in ("respond-token", "admin-token"):
            # Each connects at once: the client keeps the cookie of the last who signed in.
            people.append(await Person(house, token).sign_in())
            streams.append(await held.enter_async_context(house.client.get("/console/events")))
        for response in streams:
            assert b"listening" in await response.content.readany()
        await tell(house, incident, 1)
        for response in streams:
            assert b"event: change" in await asyncio.wait_for(response.content.readany(), 5)
        auth = house.replica.config.auth
        changed = tuple(
            one.model_copy(update={"expires": rfc3339(house.world.clock.now() + timedelta(minutes=1))})
            if one.token.get_secret_value() == "respond-token" else one
            for one in auth.tokens
        )  # fmt: skip
        update = {"auth": auth.model_copy(update={"tokens": changed})}
        house.replica.config = house.replica.config.model_copy(update=update)
        await tell(house, incident, 1)
        for response in streams:
            assert b"event: change" in await asyncio.wait_for(response.content.readany(), 5), "they are valid still"
        house.world.clock.forward("2m")
        await tell(house, incident, 1)
        assert await asyncio.wait_for(streams[0].content.read(), 5) == b"", "the token has expired"
        assert b"event: change" in await asyncio.wait_for(streams[1].content.readany(), 5)
        await people[1].send("/logout")
        await tell(house, incident, 1)
        assert await asyncio.wait_for(streams[1].content.read(), 5) == b"", "the session was ended"
