"""Finding the primary: which sources are trusted, and which are queried again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.exceptions import MasterDownError

from receiver.loop_time import LoopTime
from receiver.model.store_address import Node
from receiver.store.client.connection import Connection
from receiver.store.client.lua_script import PROBE
from receiver.store.client.primary_locator import Locator
from receiver.store.client.sentinel_locator import Told, agreed, newest, quiet, told_by
from receiver.store.client.server_poll import Asked
from receiver.store.client.store_endpoint import endpoint
from receiver.store.client.store_errors import StoreAway, StorePrimaryDown, StoreReadOnly
from receiver.store.incidents.commit_request import StaleVersion
from tests.faults.waiting import until
from tests.store.fixtures import Rooms, grown, opening
from tests.store.sentinels import NAME, PASSWORD, SENTINEL_PASSWORD, Replicated
from tests.store.servers import DURABLE, Server, certificates, ended

USER = Path(__file__).parents[3] / "deploy" / "store" / "user.conf"
ONE, OTHER = ("10.0.0.1", 6379), ("10.0.0.2", 6379)


def told(node: Node = ONE, epoch: int = 3, *, failing_over: bool = False, by: int = 0) -> Told:
    return Told(node, epoch, failing_over, by=by)


def test_the_newest_configuration_counts_and_most_are_enough() -> None:
    assert newest([told(ONE, 3), told(OTHER, 4), told(ONE, 3)]).node == OTHER
    assert agreed([told(), told()], 3)
    assert not agreed([told(), told(OTHER, 4)], 3)
    assert not agreed([told()], 2)


def test_nothing_is_replaced_only_if_everybody_who_has_just_answered_says_so() -> None:
    two = [told(by=0), told(by=1)]
    assert quiet(two, ONE, 3, {0, 1})
    assert quiet(two, ONE, 3, ()), "a Sentinel that has been silent for long is not waited for"
    assert not quiet(two, ONE, 3, {0, 1, 2}), "the silent one may be the one that runs the failover"
    assert not quiet(two, OTHER, 3, ())
    assert not quiet([told(), told(failing_over=True, by=1)], ONE, 3, ())
    assert not quiet(two[:1], ONE, 3, ())


def test_a_failover_is_over_for_writes_once_the_sentinel_that_runs_it_names_the_new_primary() -> None:
    primary = ["ip", ONE[0], "port", "6379", "flags", "master,failover_in_progress", "config-epoch", "3"]
    replicas = [
        ["ip", OTHER[0], "port", "6379", "flags", "slave"],
        ["ip", "10.0.0.3", "port", "6379", "flags", "s_down"],
    ]
    before = told_by(1, primary, [ONE[0], "6379"], replicas)
    assert before == Told(ONE, 3, True, frozenset({OTHER}), 1)
    assert not quiet([before, told(), told(by=2)], ONE, 3, ())
    after = told_by(1, primary, [OTHER[0], "6379"], replicas)
    assert (after.node, after.failing_over) == (OTHER, False)
    assert quiet([after, told(OTHER), told(OTHER, by=2)], OTHER, 3, ())
    assert not quiet([after, told(), told(by=2)], OTHER, 3, ())


class Guide:
    """A source that names the primary, or does not respond."""

    def __init__(self) -> None:
        self.says: Node | Exception = ONE
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()

    async def find(self) -> Node:
        self.asked += 1
        await self.let.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


async def test_it_is_asked_once_and_again_when_in_doubt() -> None:
    guide = Guide()
    locator = Locator(guide.find)
    moves: list[Node | None] = []
    locator.moved = lambda: moves.append(locator.where)
    assert await asyncio.gather(locator.node(), locator.node()) == [ONE, ONE]
    assert (await locator.node(), guide.asked) == (ONE, 1)
    guide.says = OTHER
    assert await locator.node() == ONE
    locator.doubt()
    assert (await locator.node(), guide.asked, moves) == (OTHER, 2, [OTHER])
    guide.says = ONE
    locator.doubt()
    await until(lambda: moves == [OTHER, ONE], "the answer of a query that another caller started")
    guide.says = OTHER
    locator.doubt()
    assert await locator.node() == OTHER
    guide.says = MasterDownError("nobody")
    locator.doubt()
    for _ in range(2):
        with pytest.raises(MasterDownError):
            await locator.node()
    assert (locator.where, moves) == (OTHER, [OTHER, ONE, OTHER])
    await locator.close()


async def test_a_doubt_that_comes_while_it_is_asked_is_not_answered_by_that() -> None:
    guide = Guide()
    locator = Locator(guide.find)
    guide.let.clear()
    asking = asyncio.create_task(locator.node())
    await until(lambda: guide.asked == 1, "the query")
    locator.doubt()
    guide.let.set()
    assert await asking == ONE
    await locator.node()
    assert guide.asked == 2


async def test_who_gives_up_ends_the_question_of_nobody_else() -> None:
    guide = Guide()
    locator = Locator(guide.find)
    guide.let.clear()
    first, second = asyncio.create_task(locator.node()), asyncio.create_task(locator.node())
    await until(lambda: guide.asked == 1, "the query")
    first.cancel()
    guide.let.set()
    assert await second == ONE
    await locator.close()


async def test_the_late_are_not_waited_for_once_it_is_enough() -> None:
    asked = Asked[int](LoopTime())
    never = asyncio.Event()

    async def say(number: int) -> int:
        if number == 3:
            await never.wait()
        if number == 2:
            raise ConnectionRefusedError
        return number

    answers, failures = await asked.ask([say(1), say(2), say(3), say(4)], lambda found: len(found) == 2)
    assert (sorted(answers), len(failures) <= 1) == ([1, 4], True)
    never.set()
    await asked.end()


@pytest.fixture
async def replicated(tmp_path: Path) -> AsyncIterator[Replicated]:
    made = Replicated(tmp_path, least=1)
    try:
        await made.start()
        yield made
    finally:
        made.end()


def rooms_of(store: Replicated, replicas: int = 1) -> Rooms:
    rooms = Rooms(store.url)
    where = endpoint(store.address, sentinel_password=SENTINEL_PASSWORD)
    rooms.connection = Connection(where, "test", replicas=replicas)
    rooms.incidents.connection = rooms.due.connection = rooms.connection
    return rooms


async def test_commits_follow_a_failover_and_go_to_no_replica(replicated: Replicated) -> None:
    rooms = rooms_of(replicated)
    try:
        await rooms.connection.server.inspect()
        assert [one.kind for one in rooms.connection.server.warnings] == []
        done = await rooms.commit(opening())
        assert done.incident is not None
        before, was = replicated.primary, rooms.connection.locator
        assert was is not None
        assert was.where == ("127.0.0.1", before.port)
        await replicated.fail_over()
        change = grown(done.incident)

        async def committed() -> bool:
            try:
                return (await rooms.commit(change)).incident is not None
            except StaleVersion:
                return True  # an earlier attempt was written, and answered as not yet durable
            except StoreAway:
                return False

        assert await until(committed, "a commit at the new primary", 10) < 5
        assert was.where == ("127.0.0.1", replicated.port) != ("127.0.0.1", before.port)
        assert rooms.connection.server.is_another
        await rooms.connection.server.inspect()
        assert not rooms.connection.server.is_another
    finally:
        await rooms.close()


async def test_a_connection_to_a_replica_is_refused_whoever_says_that_it_is_the_primary(replicated: Replicated) -> None:
    rooms = rooms_of(replicated, replicas=0)
    replica = next(server for server in replicated.servers if server is not replicated.primary)
    locator = rooms.connection.locator
    assert locator is not None

    async def wrong() -> Node:
        return "127.0.0.1", replica.port

    locator._find = wrong
    try:
        with pytest.raises(StoreReadOnly):
            await rooms.connection.call("GET", "{test}:x")
    finally:
        await rooms.close()


async def test_wrong_names_and_passwords_of_sentinels_are_told(replicated: Replicated) -> None:
    for password, name, said in (
        ("wrong", NAME, "WRONGPASS|invalid username-password"),
        (SENTINEL_PASSWORD, "nobody", "know no primary named 'nobody'"),
    ):
        address = replicated.address.replace(f"/{NAME}", f"/{name}")
        connection = Connection(endpoint(address, sentinel_password=password), "test")
        with pytest.raises(StoreAway, match=said) as away:
            await connection.server.inspect()
        assert (SENTINEL_PASSWORD not in str(away.value), PASSWORD not in str(away.value)) == (True, True)
        await connection.close()


async def test_the_least_rights_at_a_sentinel_are_enough(replicated: Replicated) -> None:
    rights = re.search(r"`(resetchannels -@all .*?)`", USER.read_text("utf-8").replace("#", ""), re.DOTALL)
    assert rights is not None
    for sentinel in replicated.sentinels:
        assert replicated.ask(sentinel, "ACL", "SETUSER", "watcher", "on", ">w", *rights[1].split()) in (True, "OK")
    where = endpoint(replicated.address, sentinel_username="watcher", sentinel_password="w")
    connection = Connection(where, "test", replicas=1)
    try:
        assert await connection.server.inspect() == "fsync"
        await connection.write(PROBE, ["{test}:fence"], [])
    finally:
        await connection.close()


async def test_one_sentinel_that_answers_is_enough_and_none_is_away(replicated: Replicated) -> None:
    first, second, third = replicated.sentinels
    await first.kill()
    await second.kill()
    rooms = rooms_of(replicated, replicas=0)
    try:
        await rooms.connection.call("GET", "{test}:x")
        await third.kill()
        assert rooms.connection.locator is not None
        rooms.connection.locator.doubt()
        await rooms.connection.call("GET", "{test}:x")  # existing connections continue
        fresh = Connection(rooms.connection.endpoint, "test")
        with pytest.raises(StoreAway):
            await fresh.call("GET", "{test}:x")
        await fresh.close()
    finally:
        await rooms.close()


async def test_with_tls_sentinels_and_servers_are_reached_by_one_set_of_files(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    tls = (
        "--tls-cert-file", str(made["server"]), "--tls-key-file", str(made["server.key"]),
        "--tls-ca-cert-file", str(made["ca"]), "--tls-replication", "yes", "--port", "0",
    )  # fmt: skip
    server = Server(tmp_path / "server", "redis7", (*DURABLE, *tls))
    watch = f"sentinel monitor {NAME} 127.0.0.1 {server.port} 1\n"
    sentinel = Server(tmp_path / "sentinel", "redis7", ("--sentinel", *tls), config=watch)
    for one in (server, sentinel):
        one.command[one.command.index("--port")] = "--tls-port"
    files = {"ca_file": str(made["ca"]), "cert_file": str(made["client"]), "key_file": str(made["client.key"])}
    with ended(server, sentinel):
        await server.start()
        await sentinel.start()
        connection = Connection(endpoint(f"valkeys+sentinel://127.0.0.1:{sentinel.port}/{NAME}", **files), "test")
        try:
            assert await connection.server.inspect() == "fsync"
        finally:
            await connection.close()


async def test_where_no_primary_is_known_it_is_away_under_that_name(tmp_path: Path) -> None:
    sentinel = Server(tmp_path, "redis7", ("--sentinel",), config="")
    with ended(sentinel):
        await sentinel.start()
        connection = Connection(f"redis+sentinel://127.0.0.1:{sentinel.port}/incidents", "test")
        with pytest.raises(StorePrimaryDown, match="know no primary named 'incidents'"):
            await connection.server.inspect()
        await connection.close()
