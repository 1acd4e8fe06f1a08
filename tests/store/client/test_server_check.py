"""The store's version, settings and permissions are checked: unusable ones are refused, others are reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.store_address import StoreKind, parse_store_address
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.store.client import server_check
from receiver.store.client.connection import Connection
from receiver.store.client.server_check import Answers
from receiver.store.client.server_inspection import ServerInspection
from receiver.store.client.store_errors import StoreUnsupported
from tests.faults.waiting import until
from tests.store.servers import DURABLE, NEW, Server, ended, program

LRU = ("--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru", *DURABLE)
RESTRICTED = ("--user", "a1", "on", ">p1", "~{test}:*", "+@all", "-@dangerous", "-@admin")


def answers(
    info: dict[str, object] | None = None, hello: dict[str, object] | None = None, fsync: str | None = "always",
    *, waits: bool = False,
) -> Answers:  # fmt: skip
    return Answers(hello, info, fsync, 0, waits)


SERVER = parse_store_address("redis://10.0.0.1:6379")
CLUSTER = parse_store_address("rediss+cluster://10.0.0.1:7000,10.0.0.2:7000")


@pytest.mark.parametrize(
    ("said", "address", "why"),
    [
        (answers({"redis_version": "6.2.5"}), SERVER, "Redis 6.2.5 is too old: Redis 7.0 or later, or Valkey,"),
        (answers({"redis_version": "7.0.0"}), SERVER, ""),
        (answers({"redis_version": "10.1.0-rc1"}), SERVER, ""),
        (answers({"redis_version": "7.2.4", "valkey_version": "9.1.0"}), SERVER, ""),
        (answers(None, {"server": "redis", "version": "6.0.16"}), SERVER, "6.0.16 is too old"),
        (answers(None, {"server": "valkey", "version": "8.0.1"}), SERVER, ""),
        (answers({"redis_version": "255.255.255"}), SERVER, ""),
        (answers({"redis_version": "unknown"}), SERVER, ""),
        (answers(), SERVER, ""),
        (answers({"redis_mode": "cluster"}), SERVER, "write redis+cluster://10.0.0.1:6379)"),
        (answers({"server_mode": "sentinel"}), SERVER, "write redis+sentinel://10.0.0.1:6379/NAME)"),
        (answers(None, {"mode": "cluster"}), SERVER, "the address of a cluster node"),
        (answers({"redis_mode": "cluster"}), CLUSTER, ""),
        (answers({"redis_mode": "standalone"}), CLUSTER, "write rediss://10.0.0.1:7000/0)"),
    ],
)
def test_what_cannot_be_the_store(said: Answers, address: object, why: str) -> None:
    found = server_check.unfit(said, address)  # type: ignore[arg-type]
    assert (why in found) if why else found == ""


@pytest.mark.parametrize(
    ("said", "level", "kinds"),
    [
        (answers({"aof_enabled": 1}), "fsync", []),
        (answers({"aof_enabled": 1}, fsync="everysec", waits=True), "waitaof", []),
        (answers({"aof_enabled": 1}, fsync="everysec"), "everysec", ["not_durable"]),
        (answers({"aof_enabled": 0}), "memory", ["not_durable"]),
        (answers({"aof_enabled": 1}, fsync=None), "unseen", ["unseen"]),
        (answers({"aof_enabled": 1}, fsync=None, waits=True), "waitaof", []),
        (answers(None, fsync=None), "unseen", ["unseen"]),
        (answers(None, fsync="always"), "unseen", ["unseen"]),
        (answers(None, fsync=None, waits=True), "waitaof", ["unseen"]),
        (answers({"aof_enabled": 1, "maxmemory": 1, "maxmemory_policy": "volatile-ttl"}), "fsync", ["evicts"]),
        (answers({"aof_enabled": 1, "maxmemory": 1, "maxmemory_policy": "noeviction"}), "fsync", []),
        (answers({"aof_enabled": 1, "maxmemory": 0, "maxmemory_policy": "allkeys-lru"}), "fsync", []),
    ],
)
def test_what_it_promises_and_what_people_are_told(said: Answers, level: str, kinds: list[str]) -> None:
    assert server_check.level("fsync", said) == level
    assert [one.kind for one in server_check.warnings("fsync", 0, said, StoreKind.SERVER)] == kinds
    if kinds == ["unseen"]:
        (warning,) = server_check.warnings("fsync", 0, said, StoreKind.SERVER)
        assert "cannot be checked: " in warning.why


def test_replicas_that_are_not_there_or_not_waited_for() -> None:
    good = {"aof_enabled": 1, "connected_slaves": 1}
    told = [one.kind for one in server_check.warnings("fsync", 2, answers(good), StoreKind.SERVER)]
    assert told == ["few_replicas"]
    assert server_check.warnings("fsync", 1, answers(good), StoreKind.SENTINEL) == []
    for kind in (StoreKind.SENTINEL, StoreKind.CLUSTER):
        assert [one.kind for one in server_check.warnings("fsync", 0, answers(good), kind)] == ["failover_loses"]


async def seen(folder: Path, name: str, words: Sequence[str], user: str = "") -> ServerInspection:
    """Return the findings of the inspection of such a server."""
    server = Server(folder, name, words)
    with ended(server):
        await server.start()
        connection = Connection(server.url.replace("//", f"//{user}"), "test")
        try:
            await connection.server.inspect()
        finally:
            await connection.close()
    return connection.server


@pytest.mark.parametrize("user", ["", "a1:p1@"])
async def test_redis_6_is_refused_by_its_version(tmp_path: Path, user: str) -> None:
    with pytest.raises(StoreUnsupported, match=r"Redis 6\.2\.5 is too old: Redis 7\.0 or later, or Valkey, is needed"):
        await seen(tmp_path, "redis6", (*DURABLE, *RESTRICTED), user)


async def test_redis_6_that_does_not_say_its_version_is_refused_by_its_scripts(tmp_path: Path) -> None:
    with pytest.raises(StoreUnsupported, match=r"no script flags: Redis 7\.0 or later"):
        await seen(tmp_path, "redis6", (*RESTRICTED, "--rename-command", "HELLO", ""), "a1:p1@")


@pytest.mark.parametrize("name", NEW)
async def test_a_newer_server_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    found = await seen(tmp_path, name, DURABLE)
    assert (found.level, found.met, found.warnings) == ("fsync", True, ())


@pytest.mark.parametrize("name", NEW)
async def test_one_that_evicts_is_not_durable(tmp_path: Path, name: str) -> None:
    found = await seen(tmp_path, name, LRU)
    assert (found.level, found.met) == ("fsync", False)
    (warning,) = found.warnings
    assert "allkeys-lru" in warning.why
    assert "noeviction" in warning.hint


@pytest.mark.parametrize("name", NEW)
async def test_a_user_without_info_and_config_works_and_says_what_it_cannot_see(tmp_path: Path, name: str) -> None:
    server = Server(tmp_path, name, (*DURABLE, *RESTRICTED, *(("-waitaof",) if name != "redis7" else ())))
    with ended(server):
        await server.start()
        connection = Connection(server.url.replace("//", "//a1:p1@"), "test")
        monitor = StoreMonitor(connection, Clock(), Metrics())
        try:
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):
                    await monitor.check()
        finally:
            await connection.close()
    assert not monitor.away
    assert connection.server.met, "nobody is told that it falls short of what cannot be seen"
    (told,) = [one for one in logs if one["event"] == "store_hidden_settings_detected"]
    assert "cannot be checked: INFO is refused and CONFIG GET is refused" in told["why"]


@pytest.mark.parametrize("name", NEW)
async def test_config_alone_refused_is_said_and_is_no_shortfall(tmp_path: Path, name: str) -> None:
    words = (*DURABLE, *RESTRICTED, "+info", *(("-waitaof",) if name != "redis7" else ()))
    found = await seen(tmp_path, name, words, "a1:p1@")
    (warning,) = found.warnings
    assert warning.why == "how durable a write is cannot be checked: CONFIG GET is refused"
    assert (found.level, found.met) == ("unseen", True)


@pytest.mark.parametrize("name", NEW)
async def test_a_node_of_a_cluster_is_refused_with_the_right_address(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreUnsupported, match=r"write redis\+cluster://127\.0\.0\.1:\d+\)"):
        await seen(tmp_path, name, ("--cluster-enabled", "yes"))


async def test_settings_that_change_are_seen_and_said_once(tmp_path: Path) -> None:
    server, metrics = Server(tmp_path), Metrics()
    now = [0.0]
    clock = Clock()
    clock.monotonic = lambda: now[0]  # type: ignore[method-assign]
    connection = Connection(server.url, "test")
    monitor = StoreMonitor(connection, clock, metrics)

    def shown(kind: str) -> float | None:
        return metrics.registry.get_sample_value("receiver_store_warnings", {"kind": kind})

    with ended(server):
        await server.start()
        try:
            await monitor.check()
            assert (shown("evicts"), shown("not_durable")) == (0, 0)
            raw = server.client()
            raw.config_set("maxmemory", "100mb")
            raw.config_set("maxmemory-policy", "allkeys-lru")
            raw.close()
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):
                    now[0] += 61
                    await monitor.check()
            assert [one["event"] for one in logs] == ["store_eviction_detected"]
            assert shown("evicts") == 1
            assert metrics.registry.get_sample_value("receiver_store_durability_met") == 0
        finally:
            await connection.close()


async def test_a_server_that_became_another_one_is_away_under_its_name(tmp_path: Path) -> None:
    server = Server(tmp_path / "new", "redis7", ("--save", ""))
    old = Server(tmp_path / "old", "redis6", ("--save", ""), port=server.port)
    connection = Connection(server.url, "test", durability="memory")
    monitor = StoreMonitor(connection, Clock(), Metrics())
    with ended(server, old):
        await server.start()
        try:
            await monitor.check()
            await server.kill()
            with structlog.testing.capture_logs() as logs:
                await old.start()

                async def away() -> bool:
                    await monitor.check()
                    return monitor.away

                await until(away, "the store to be away", 10)
        finally:
            await connection.close()
    (told,) = [one for one in logs if one["event"] == "store_failed"]
    assert told["condition"] == "store_unsupported"
    assert program("redis6") != program("redis7")
