"""The cost of a notification, counted by the store: a duplicate takes one read, an opening three round trips."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.alert.alert import Notification, parse_notification
from receiver.pipeline.intake.intake import STRAIGHT
from receiver.pipeline.intake.intake_answer import Answer
from receiver.store.client.store_errors import NotDurable
from tests.stories.world import World, alert, notification

LUA = Path(__file__).parents[3] / "receiver" / "store" / "lua"
STEP = 500
"""Number of fingerprints that `load` reads with one inner MGET."""
SIZES = (1, 50, 10_000)


def commands_of(script: str) -> set[str]:
    """Return the commands that a Lua file may run, in the format of commandstats."""
    found: list[str] = re.findall(r"redis\.p?call\('(\w+)'", (LUA / f"{script}.lua").read_text("utf-8"))
    return {name.lower() for name in found}


def crowd(count: int, *, firing: bool = True) -> Notification:
    """Return a notification with that many alerts of one group."""
    members = [
        alert(labels={"instance": f"10.0.{i // 256}.{i % 256}:9100"}, annotations={"error_rate": "7.3%"}, firing=firing)
        for i in range(count)
    ]
    return parse_notification(notification(*members))


class Counted:
    """A replica whose loop does not run and whose commits start no delivery: only the intake uses the store."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client: Any = redis.Redis.from_url(world.store, decode_responses=True)
        self.leased: list[str] = []
        world.one.intake.writer.deliver = lambda done, began, fresh: self.leased.extend(done.leased)

    async def accept(self, said: Notification) -> Answer:
        return await self.world.one.intake.accept(said, self.world.clock.now())

    async def cost(self, said: Notification) -> tuple[Answer, dict[str, int]]:
        """Return the response and the number of runs of each command, including those in scripts."""
        self.client.config_resetstat()
        answer = await self.accept(said)
        stats = self.client.info("commandstats")
        ran = {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}
        return answer, {name: calls for name, calls in ran.items() if name not in ("config|resetstat", "info")}


@pytest.fixture
async def counted(world: World) -> AsyncIterator[Counted]:
    """A replica whose scripts are loaded and whose connection is open."""
    await world.open()
    made = Counted(world)
    for firing in (True, False):  # an end is written by a separate script, which also runs on a full store
        await made.accept(parse_notification(notification(alert("First", firing=firing), group="first")))
    try:
        yield made
    finally:
        made.client.close()


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    made = World(store_url)
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.parametrize("count", SIZES)
async def test_a_duplicate_is_one_read_and_no_write(counted: Counted, count: int) -> None:
    said = crowd(count)
    await counted.accept(said)
    before = counted.client.info("persistence")["aof_current_size"]
    kept = counted.client.dbsize()
    answer, ran = await counted.cost(said)
    assert answer.foremost.outcome is Outcome.DUPLICATE
    assert ran == {"mget": 1}
    assert counted.client.info("persistence")["aof_current_size"] == before
    assert counted.client.dbsize() == kept


@pytest.mark.parametrize("count", SIZES)
async def test_an_opening_is_two_round_trips_and_a_large_one_three(counted: Counted, count: int) -> None:
    answer, ran = await counted.cost(crowd(count))
    assert (answer.foremost.outcome, answer.foremost.incident) == (Outcome.OPENED, "INC-2026-0002")
    inner = -(-count // STEP)
    assert (ran.pop("evalsha"), ran.pop("mget") - inner) == (2, int(count > STRAIGHT))
    assert set(ran) <= commands_of("incidents/load") | commands_of("incidents/commit")
    assert len(counted.leased) == len(set(counted.leased)) > 0


async def test_an_end_is_two_round_trips_too(counted: Counted) -> None:
    await counted.accept(crowd(50))
    answer, ran = await counted.cost(crowd(50, firing=False))
    assert answer.foremost.outcome is Outcome.RESOLVED
    assert ran.pop("evalsha") == 2
    assert "mget" not in ran
    assert set(ran) <= commands_of("incidents/load") | commands_of("incidents/commit")


async def test_what_another_replica_has_taken_is_one_read_as_well(world: World, counted: Counted) -> None:
    said = crowd(50)
    await counted.accept(said)
    other = await world.replica()
    counted.client.config_resetstat()
    answer = await other.intake.accept(said, world.clock.now())
    ran = counted.client.info("commandstats")
    assert answer.foremost.outcome is Outcome.DUPLICATE
    assert ran["cmdstat_evalsha"]["calls"] == 1
    assert not {"cmdstat_hset", "cmdstat_set", "cmdstat_zadd"} & ran.keys() - {"cmdstat_set"}


async def test_a_duplicate_of_what_was_ignored_is_one_read_as_well(counted: Counted) -> None:
    said = parse_notification(notification(alert("Gone", firing=False), group="gone"))
    first = await counted.accept(said)
    answer, ran = await counted.cost(said)
    assert (first.foremost.outcome, answer.foremost.outcome) == (Outcome.IGNORED, Outcome.IGNORED)
    assert ran == {"mget": 1}


@pytest.mark.parametrize("firing", [True, False], ids=["duplicate", "ignored"])
async def test_a_repetition_is_refused_where_another_server_has_become_the_primary(
    world: World, counted: Counted, monkeypatch: pytest.MonkeyPatch, *, firing: bool
) -> None:
    said = parse_notification(notification(alert("Other", firing=firing), group="other"))
    first = await counted.accept(said)
    connection = world.one.connection
    connection.server.level = "waitaof"
    again = await counted.accept(said)
    assert again.repetition is not None

    def moving(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def moved(*args: Any) -> Any:
            reply = await read(*args)
            connection._moved()
            return reply

        return moved

    for name in ("call", "read"):
        monkeypatch.setattr(connection, name, moving(getattr(connection, name)))
    with pytest.raises(NotDurable, match="another server is the primary now"):
        await counted.accept(said)
    with pytest.raises(NotDurable):
        await world.one.intake.repeated(again.repetition, world.clock.now(), 1)
    assert first.foremost.outcome is (Outcome.OPENED if firing else Outcome.IGNORED)


async def test_several_parts_are_looked_up_in_one_read(world: World, counted: Counted) -> None:
    changed = world.one.setting
    object.__setattr__(changed, "correlate_by", ("instance",))
    said = crowd(50)
    await counted.accept(said)
    answer, ran = await counted.cost(said)
    assert len(answer.parts) == 50
    assert {part.outcome for part in answer.parts} == {Outcome.DUPLICATE}
    assert ran == {"mget": 1}
