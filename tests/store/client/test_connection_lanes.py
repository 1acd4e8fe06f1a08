"""Each kind of work has separate connections; overload of one kind does not affect the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from redis import exceptions as redis_errors

from receiver.store.client import connection_lanes, store_errors
from receiver.store.client.connection import Connection
from receiver.store.client.connection_lanes import SIZES, Lane, lane
from receiver.store.client.store_errors import (
    Overloaded,
    StoreAway,
    StoreFull,
    StoreRefused,
    StoreSlow,
    StoreUnreachable,
    condition_of,
)
from tests.faults.waiting import until


@pytest.fixture
async def connection(store_url: str) -> AsyncIterator[Connection]:
    made = Connection(store_url, "test")
    yield made
    await made.close()


async def hold(connection: Connection, kind: Lane, go: asyncio.Event, begun: list[int]) -> None:
    with lane(kind):
        async with connection.guarded() as client:
            await client.ping()
            begun.append(1)
            await go.wait()


async def test_a_lane_whose_connections_are_in_use_is_overloaded_and_the_others_go_on(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_lanes, "TURN_LIMIT", 0.1)
    go, begun = asyncio.Event(), list[int]()
    held = [asyncio.create_task(hold(connection, Lane.REQUESTS, go, begun)) for _ in range(SIZES[Lane.REQUESTS])]
    await until(lambda: len(begun) == SIZES[Lane.REQUESTS], "every connection in use", 10.0)
    with pytest.raises(Overloaded) as raised:
        async with connection.guarded():
            raise AssertionError("there was none left")
    assert raised.value.ours
    for other in (Lane.PROBE, Lane.BEAT, Lane.INGEST, Lane.DEBTS):
        with lane(other):
            async with connection.guarded() as client:
                assert await client.ping()
    go.set()
    await asyncio.gather(*held)
    async with connection.guarded() as client:
        assert await client.ping()


async def test_who_waits_gets_the_turn_that_becomes_free(connection: Connection) -> None:
    go, begun = asyncio.Event(), list[int]()
    held = [asyncio.create_task(hold(connection, Lane.DEBTS, go, begun)) for _ in range(SIZES[Lane.DEBTS] * 3)]
    await until(lambda: len(begun) == SIZES[Lane.DEBTS], "every connection in use", 10.0)
    go.set()
    await asyncio.gather(*held)
    assert len(begun) == SIZES[Lane.DEBTS] * 3


async def test_a_task_keeps_the_lane_in_which_it_was_started() -> None:
    seen: list[Lane] = []

    async def look() -> None:
        await asyncio.sleep(0)
        seen.append(connection_lanes.current_lane())

    with lane(Lane.DELIVERIES):
        task = asyncio.create_task(look())
    await task
    await look()
    assert seen == [Lane.DELIVERIES, Lane.REQUESTS]


async def test_a_command_inside_the_turn_of_another_is_a_mistake_of_ours(connection: Connection) -> None:
    async with connection.guarded():
        with pytest.raises(RuntimeError, match="inside another one's turn"):
            async with connection.guarded():
                pass


async def test_failing_together_cancels_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Forty callers of a server that accepts connections and never responds all get an error, and no cancellation.

    Before, they closed the same idle connections, and the deadline of one cancelled the others.
    """
    path = tmp_path_factory.mktemp("hung") / "store.sock"
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen(256)
        connection = Connection(f"unix://{path}", "test")

        async def ask(number: int) -> BaseException | None:
            with lane(list(Lane)[number % len(Lane)]):
                try:
                    async with connection.time.deadline(0.1 + number / 100), connection.guarded() as client:
                        await client.ping()
                except (StoreAway, TimeoutError):
                    return None
                except asyncio.CancelledError as stray:
                    return stray
            raise AssertionError("nothing answered")

        found = await asyncio.gather(*(ask(number) for number in range(40)), return_exceptions=True)
        assert [one for one in found if one is not None] == []
        await connection.close()


async def test_after_a_lost_connection_idle_ones_are_closed_and_nobody_waits(connection: Connection) -> None:
    async with connection.guarded() as client:
        await client.client_setname("idle")
    with pytest.raises(StoreUnreachable):
        async with connection.guarded():
            raise redis_errors.ConnectionError("lost")
    pool = connection._bulkheads[Lane.REQUESTS].pool
    await until(lambda: not any(one.is_connected for one in pool._available_connections), "idle ones closed", 10.0)
    async with connection.guarded() as client:
        assert await client.client_getname() is None, "a new connection"


PIPELINE = "Command # 1 (SET x) of pipeline caused error: "
REDIS_6 = "Error compiling script (new function): user_script:1: unexpected symbol near '#'"


def test_a_server_that_knows_no_script_flags_is_said_to_be_too_old() -> None:
    assert "Redis 7.0" in str(condition_of(redis_errors.ResponseError(REDIS_6)))


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (redis_errors.ConnectionError("Connection lost"), StoreUnreachable),
        (ConnectionResetError("reset"), StoreUnreachable),
        (OSError("no route"), StoreUnreachable),
        (redis_errors.TimeoutError("x"), StoreSlow),
        (TimeoutError(), StoreSlow),
        (
            redis_errors.ReadOnlyError("READONLY You can't write against a read only replica."),
            store_errors.StoreReadOnly,
        ),
        (redis_errors.BusyLoadingError("LOADING"), store_errors.StoreLoading),
        (redis_errors.OutOfMemoryError("OOM command not allowed"), StoreFull),
        (redis_errors.MasterDownError("MASTERDOWN Link with MASTER is down"), store_errors.StorePrimaryDown),
        (redis_errors.ResponseError("MISCONF Errors writing to the AOF file"), store_errors.StoreCannotPersist),
        (redis_errors.ResponseError("WRONGTYPE Operation"), StoreRefused),
        (redis_errors.ResponseError(REDIS_6), store_errors.StoreUnsupported),
        (redis_errors.AuthenticationError("WRONGPASS"), store_errors.StoreDenied),
        (redis_errors.NoPermissionError("this user has no permissions"), store_errors.StoreDenied),
        (redis_errors.ResponseError("NOREPLICAS Not enough good replicas"), store_errors.StoreShortOfReplicas),
        (redis_errors.ResponseError("BUSY Redis is busy running a script"), store_errors.StoreOccupied),
        (redis_errors.ClusterDownError("CLUSTERDOWN The cluster is down"), store_errors.StoreClusterDown),
        (redis_errors.MovedError("13411 127.0.0.1:16403"), store_errors.StoreSlotMoved),
        (redis_errors.AskError("13411 127.0.0.1:16403"), store_errors.StoreSlotMigrating),
        (redis_errors.TryAgainError("Multiple keys request during rehashing"), store_errors.StoreSlotMigrating),
        (redis_errors.ResponseError(f"{PIPELINE}MISCONF the disk is full"), store_errors.StoreCannotPersist),
        (redis_errors.ResponseError("Command # 1 (SET OOM BUSY ) of pipeline caused error: WRONGTYPE"), StoreRefused),
        (redis_errors.MaxConnectionsError("Too many connections"), Overloaded),
    ],
)
def test_each_error_has_its_condition(error: Exception, condition: type[StoreAway]) -> None:
    found = condition_of(error)
    assert type(found) is condition
    assert found.ours is (condition is Overloaded)


async def test_a_command_that_cannot_be_sent_fails_alone(connection: Connection) -> None:
    answers = await asyncio.gather(
        connection.call("SET", "a", "1"),
        connection.call("SET", "b", "\ud800"),
        connection.call("SET", "c", object()),
        connection.call("GET", "a"),
        return_exceptions=True,
    )
    assert answers[0] in (b"OK", "OK", True)
    assert isinstance(answers[1], UnicodeError)
    assert isinstance(answers[2], redis_errors.DataError)
    assert answers[3] in (b"1", "1")
