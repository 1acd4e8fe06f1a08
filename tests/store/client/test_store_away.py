"""A store that is full, read-only, hung, down or emptied: nothing is written in part, and errors come within 2 s."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from receiver.model.base import to_ms
from receiver.store.client.connection import Connection, StoreAway
from receiver.store.due.due_set import SendingOutcome
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.incidents.commit_request import RepeatedNotification
from receiver.store.watchdog_times import WatchdogTimes
from tests.incident.fixtures import NOW
from tests.store.fixtures import MS, Rooms, grown, opening, owing

pytestmark = pytest.mark.alone

LIMIT = 2.0
"""Seconds within which a webhook is answered in any state of the store."""


async def refused(act: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds until the store was reported as away."""
    began = time.monotonic()
    with pytest.raises(StoreAway):
        await act()
    return time.monotonic() - began


async def test_full_it_takes_nothing_new_and_lets_go_of_what_is_done(alone: Rooms) -> None:
    done = await alone.owed(owing())
    (row,) = await alone.leased(done)
    before = alone.content()
    alone.raw.config_set("maxmemory", 1)
    await refused(lambda: alone.commit(opening("other", owners={})))
    assert done.incident is not None
    change = grown(done.incident)
    await refused(lambda: alone.commit(change))
    await refused(lambda: WatchdogTimes(alone.due.connection).record(MS))
    await refused(alone.due.probe)
    assert alone.content() == before
    assert await alone.incidents.incident(done.incident.uid) == done.incident
    assert await alone.due.complete(row, SendingOutcome.DONE, MS, said=1, receipt={"ok": 1}) == "done"
    alone.raw.config_set("maxmemory", 0)
    assert (await alone.commit(change)).incident is not None


async def test_read_only_it_is_away(alone: Rooms) -> None:
    done = await alone.owed(owing())
    (row,) = await alone.leased(done)
    before = alone.content()
    alone.raw.execute_command("REPLICAOF", "127.0.0.1", "1")
    await refused(lambda: alone.commit(opening("other", owners={})))
    await refused(lambda: alone.due.complete(row, SendingOutcome.DONE, MS, said=1))
    await refused(alone.due.probe)
    assert alone.content() == before
    alone.raw.execute_command("REPLICAOF", "NO", "ONE")
    assert await alone.due.complete(row, SendingOutcome.DONE, MS, said=1) == "done"


async def test_scripts_that_were_forgotten_are_brought_again(rooms: Rooms) -> None:
    await rooms.owed(owing())
    rooms.raw.script_flush()
    await rooms.incidents.known("key", "g", [])
    rooms.raw.script_flush()
    assert len(await rooms.due.claim("pager!", MS + 20_000, 1)) == 1
    rooms.raw.script_flush()
    assert (await rooms.commit(opening("other", owners={}))).incident is not None


async def test_a_script_that_was_forgotten_takes_one_round_trip_more(rooms: Rooms) -> None:
    rooms.raw.script_flush()
    rooms.raw.config_resetstat()
    await rooms.incidents.known("key", "g", [])
    ran = rooms.raw.info("commandstats")
    assert (ran["cmdstat_evalsha"]["calls"], ran["cmdstat_eval"]["calls"]) == (1, 1)
    assert "cmdstat_script|load" not in ran


@pytest.mark.parametrize("warm", [True, False])
async def test_hung_it_is_away_within_two_seconds(server: EmbeddedStore, alone: Rooms, warm: bool) -> None:
    if warm:
        await alone.due.probe()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        took = await asyncio.gather(
            refused(lambda: alone.commit(opening())),
            refused(lambda: alone.incidents.seen(["g"])),
            refused(lambda: alone.incidents.known("key", "g", ["f" * 16])),
            refused(lambda: alone.due.beat(0, MS)),
            refused(alone.connection.server.inspect),
            # More than the number of connections: waiting for one counts as well.
            *(refused(lambda: alone.incidents.seen(["g"])) for _ in range(60)),
        )
        assert max(took) < LIMIT
    finally:
        os.kill(server.pid, signal.SIGCONT)
    await alone.due.probe()


async def test_gone_it_is_away_at_once_and_back_it_is_back(server: EmbeddedStore, alone: Rooms) -> None:
    done = await alone.owed(owing())
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert await refused(lambda: alone.commit(opening("other", owners={}))) < LIMIT
    assert await refused(lambda: alone.incidents.seen(["group-key"])) < LIMIT
    server.restart()
    (seen,) = await alone.incidents.seen(["group-key"])
    assert seen is not None
    assert seen.id == "INC-2026-0001"
    assert done.incident is not None
    assert (await alone.commit(grown(done.incident))).incident is not None


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "unix:///nowhere/store.sock", "redis://:hunter2@127.0.0.1:1/0"]
)
async def test_an_address_where_nobody_answers_is_away_and_no_password_is_said(url: str) -> None:
    connection = Connection(url, "test")
    with pytest.raises(StoreAway) as away:
        await connection.server.inspect()
    assert "hunter2" not in str(away.value)
    await connection.close()


async def test_a_wrong_password_is_away(alone: Rooms) -> None:
    alone.raw.config_set("requirepass", "right")
    fresh = Connection(alone.connection.url, "test")
    with pytest.raises(StoreAway):
        await fresh.server.inspect()
    await fresh.close()
    right = Connection(f"{alone.connection.url}?password=right", "test")
    assert await right.server.inspect() == "fsync"
    await right.close()


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, "fsync"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "waitaof"),
        ({"appendonly": "no"}, "memory"),
    ],
)
async def test_what_the_server_promises_is_found_out(alone: Rooms, settings: dict[str, str], level: str) -> None:
    for name, value in settings.items():
        alone.raw.config_set(name, value)
    assert await alone.connection.server.inspect() == level


async def test_where_the_disk_can_be_waited_for_it_is(alone: Rooms) -> None:
    alone.raw.config_set("appendfsync", "everysec")
    await alone.connection.server.inspect()
    done = await alone.owed(owing())
    assert done.incident is not None
    await alone.connection.confirm(0)  # loads the script

    def calls() -> int:
        return int(alone.raw.info("commandstats")["cmdstat_waitaof"]["calls"])

    before = calls()
    await alone.connection.confirm(0)
    assert calls() == before + 1
    # An accepted command may have been answered as not durable before, and nothing is written this time.
    change = opening("other", owners={}, once=["door"])
    await alone.commit(change)
    assert await alone.incidents.taken("nothing") is None
    before = calls()
    with pytest.raises(RepeatedNotification):
        await alone.commit(change)
    assert calls() == before + 2
    assert await alone.incidents.taken("door") is not None
    assert calls() == before + 3


async def test_too_few_replicas_is_away(alone: Rooms) -> None:
    alone.connection.server.replicas = 1
    await alone.connection.server.inspect()
    assert await refused(lambda: alone.commit(opening())) < LIMIT
    assert await refused(lambda: alone.connection.confirm(0)) < LIMIT


async def test_a_server_that_speaks_tcp(server: EmbeddedStore, alone: Rooms) -> None:
    import socket

    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    alone.raw.config_set("port", port)
    over_tcp = Rooms(f"redis://127.0.0.1:{port}/0")
    try:
        done = await over_tcp.owed(owing(), now=to_ms(NOW))
        assert done.incident is not None
        assert await alone.incidents.incident(done.incident.uid) == done.incident
    finally:
        await over_tcp.close()
