"""Errors of a real server that cannot accept writes: each is a separate condition, and the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio
import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.store.client.connection import Connection, StoreAway
from tests.faults.waiting import until
from tests.store.servers import DURABLE, NEW, Server, ended


async def away(monitor: StoreMonitor) -> str:
    """Return the condition with which the store is reported as away."""

    async def gone() -> bool:
        await monitor.check()
        return monitor.away

    with structlog.testing.capture_logs() as logs:
        await until(gone, "the store to be away", 10)
    return str(next(one["condition"] for one in logs if one["event"] == "store_failed"))


async def back(monitor: StoreMonitor) -> None:
    async def there() -> bool:
        await monitor.check()
        return not monitor.away

    await until(there, "the store to be back", 20)


@asynccontextmanager
async def watched(server: Server, *others: Server, scheme: str = "redis") -> AsyncIterator[StoreMonitor]:
    """A monitor of a server, which runs during the block."""
    with ended(server, *others):
        await server.start()
        connection = Connection(server.url.replace("redis", scheme, 1), "test")
        try:
            yield StoreMonitor(connection, Clock(), Metrics())
        finally:
            await connection.close()


@pytest.mark.parametrize("name", NEW)
async def test_a_script_of_somebody_else_is_busy(tmp_path: Path, name: str) -> None:
    server = Server(tmp_path, name, (*DURABLE, "--busy-reply-threshold", "20"))
    async with watched(server) as monitor:
        await monitor.check()
        somebody = redis.asyncio.Redis(port=server.port, retry=None)
        endless = asyncio.create_task(somebody.eval("while true do end", 0))
        assert await away(monitor) == "store_busy"
        raw = server.client()
        raw.script_kill()
        raw.close()
        with pytest.raises(redis.ResponseError):
            await endless
        await somebody.aclose()
        await back(monitor)


async def test_a_server_that_reads_its_file_is_loading(tmp_path: Path) -> None:
    slow = ("--key-load-delay", "4000", "--loading-process-events-interval-bytes", "1024")
    server = Server(tmp_path, "valkey", ("--save", "3600 1", *slow))
    async with watched(server) as monitor:
        raw = server.client()
        for number in range(1000):
            raw.set(f"key{number}", "x" * 100)
        raw.save()
        raw.close()
        await monitor.check()
        await server.kill()
        server.spawn()

        async def loads() -> bool:
            try:
                await monitor.connection.call("GET", "{test}:commits")
            except StoreAway as condition:
                return condition.condition == "store_loading"
            return False

        await until(loads, "a server that loads", 10)
        assert await away(monitor) == "store_loading"
        await back(monitor)


async def test_a_replica_is_read_only_and_one_without_its_primary_says_so(tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with watched(server) as monitor:
        await monitor.check()
        raw = server.client()
        raw.replicaof("127.0.0.1", "1")
        assert await away(monitor) == "store_read_only"
        raw.replicaof("NO", "ONE")
        await back(monitor)
        raw.config_set("replica-serve-stale-data", "no")
        raw.replicaof("127.0.0.1", "1")
        assert await away(monitor) == "store_primary_down"
        raw.close()


async def test_too_few_replicas_and_a_disk_that_fails_are_named(tmp_path: Path) -> None:
    server = Server(tmp_path, "valkey", ("--save", "3600 1"))
    async with watched(server) as monitor:
        await monitor.check()
        raw = server.client()
        raw.config_set("min-replicas-to-write", "1")
        assert await away(monitor) == "store_short_of_replicas"
        raw.config_set("min-replicas-to-write", "0")
        await back(monitor)
        (tmp_path / "dump.rdb" / "in-the-way").mkdir(parents=True)
        raw.bgsave()
        assert await away(monitor) == "store_cannot_persist"
        raw.close()


async def test_a_user_who_may_no_longer_is_denied(tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with watched(server) as monitor:
        await monitor.check()
        raw = server.client()
        raw.execute_command("ACL", "SETUSER", "default", "-@scripting")
        assert await away(monitor) == "store_denied"
        raw.execute_command("ACL", "SETUSER", "default", "+@scripting")
        await back(monitor)
        raw.close()


async def test_a_cluster_without_an_owner_of_the_slot_is_down(tmp_path: Path) -> None:
    server = Server(tmp_path, "valkey", (*DURABLE, "--cluster-enabled", "yes"))
    async with watched(server, scheme="redis+cluster") as monitor:
        assert await away(monitor) == "store_cluster_down"
        raw = server.client()
        raw.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        raw.close()
        await back(monitor)
