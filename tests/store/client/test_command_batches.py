"""Commands that are sent together each get their own reply, regardless of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from receiver.store.client.connection import Connection, StoreAway
from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.client.lua_script import PROBE
from tests.garbage_collection import left_behind
from tests.store.fixtures import Rooms


async def test_reads_are_asked_in_one_command_and_each_gets_its_own_values(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = rooms.connection
    for number in range(6):
        await connection.call("SET", f"k{number}", number)
    sent = await connection.call("INFO", "commandstats")
    before = int(sent.get("cmdstat_mget", {}).get("calls", 0))
    with lane(Lane.INGEST):
        replies = await asyncio.gather(
            connection.call("MGET", "k0", "k1"),
            connection.call("GET", "k5"),
            connection.call("MGET", "k2"),
            connection.call("HGET", "k3", "field"),
            connection.call("MGET", "none", "k4", "k3"),
            return_exceptions=True,
        )
    assert replies[0] == ["0", "1"]
    assert replies[1] == "5"
    assert replies[2] == ["2"]
    assert isinstance(replies[3], StoreAway), "a failed command does not affect others"
    assert replies[4] == [None, "4", "3"]
    stats = await connection.call("INFO", "commandstats")
    assert int(stats["cmdstat_mget"]["calls"]) == before + 1


async def test_a_key_that_cannot_be_sent_fails_alone(rooms: Rooms) -> None:
    await rooms.connection.call("SET", "k", "1")
    good, bad, more = await asyncio.gather(
        rooms.connection.call("MGET", "k"),
        rooms.connection.call("MGET", "\ud800"),
        rooms.connection.call("MGET", "k", "k"),
        return_exceptions=True,
    )
    assert good == ["1"]
    assert isinstance(bad, UnicodeError)
    assert more == ["1", "1"]


async def test_commits_that_are_made_in_the_same_moment_share_a_call(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, calls = rooms.connection, []
    exchange = Connection.exchange

    async def counted(self: Connection, commands: Sequence[Sequence[Any]]) -> list[Any]:
        calls.append([command[0] for command in commands])
        return await exchange(self, commands)

    keys = [connection.keys.named("fence")]
    await connection.write(PROBE, keys, [])
    monkeypatch.setattr(Connection, "exchange", counted)
    await asyncio.gather(*(connection.write(PROBE, keys, []) for _ in range(5)))
    assert calls == [["EVALSHA"] * 5]


async def test_what_the_store_refuses_leaves_no_garbage(rooms: Rooms) -> None:
    async def refused(number: int) -> None:
        name = rooms.named(f"text{number}")
        await rooms.connection.call("SET", name, "a text")
        with pytest.raises(StoreAway):
            await rooms.connection.call("HGET", name, "a field")
        with pytest.raises(UnicodeError):
            await rooms.connection.call("SET", name, "\ud800")

    assert await left_behind(refused) == []
