"""The acknowledgements that a write needs to count as durable, and those of other servers that do not count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from receiver.loop_time import LoopTime
from receiver.model.store_address import Node
from receiver.store.client.connection import Connection
from receiver.store.client.sentinel_locator import Sentinels, Told
from receiver.store.client.store_endpoint import endpoint
from receiver.store.client.store_errors import NotDurable
from receiver.store.client.write_durability import Settling

ONE, OTHER, THIRD = ("10.0.0.1", 6379), ("10.0.0.2", 6379), ("10.0.0.3", 6379)
WHERE = "redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/incidents"


class Watchers(Sentinels):
    """Sentinels with prepared responses."""

    def __init__(self) -> None:
        super().__init__(endpoint(WHERE), LoopTime())
        self.quiet = True
        self.asked = 0
        self.tell()

    def tell(self, primary: Node = ONE, epoch: int = 3) -> None:
        """Make one of them name this primary."""
        others = frozenset({OTHER, THIRD})
        self._keep([Told(ONE, 3, False, others), Told(primary, epoch, primary != ONE, others)])

    async def undisturbed(self, node: Node | None) -> bool:
        self.asked += 1
        return self.quiet and node == ONE


class Primary:
    """A server with a prepared report about its replicas."""

    def __init__(self) -> None:
        self.says: Mapping[str, Any] | None = online(1)

    async def info(self) -> Mapping[str, Any] | None:
        return self.says


def online(count: int, **more: Any) -> dict[str, Any]:
    return {"connected_slaves": count, **{f"slave{number}": {"state": "online", **more} for number in range(count)}}


async def test_a_write_waits_for_every_replica_and_asks_where_one_that_may_be_promoted_lacks_it() -> None:
    watchers, info = Watchers(), Primary().info
    settling = Settling(1, watchers, several=True)
    assert settling.commands() == [("WAIT", 1, 800)]
    settling.seen({**online(2), "slave2": {"state": "wait_bgsave"}})
    assert settling.commands() == [("WAIT", 2, 800)]
    watchers.quiet = False
    await settling.check([2], ONE, info)
    assert watchers.asked == 0
    with pytest.raises(NotDurable, match="may be the primary now"):
        await settling.check([1], ONE, info)
    watchers.quiet = True
    await settling.check([1], ONE, info)
    assert settling.waited_for == 1, "a replica that has left is not waited for"
    with pytest.raises(NotDurable):
        await settling.check([1], OTHER, info)
    with pytest.raises(NotDurable, match="too few"):
        await settling.check([0], ONE, info)
    settling.seen(online(2))
    assert settling.waited_for == 2
    settling.begin_anew()
    assert settling.waited_for == 1


async def test_what_the_old_primary_had_acknowledged_is_not_counted_by_the_replicas_of_the_new_one() -> None:
    watchers, info = Watchers(), Primary().info
    settling = Settling(1, watchers, several=True)
    settling.seen(online(2))
    # While the write waits, one of its replicas is promoted: only the other one may have acknowledged, and loses it.
    watchers.tell(OTHER, 4)
    assert watchers.promotable == {THIRD}
    watchers.quiet = False
    with pytest.raises(NotDurable, match="may be the primary now"):
        await settling.check([1], ONE, info)
    settling.begin_anew()
    with pytest.raises(NotDurable, match="may be the primary now"):
        await settling.check([1], ONE, info)
    await settling.check([1], OTHER, info)


async def test_a_replica_that_follows_and_is_slow_is_waited_for_and_one_that_is_silent_is_not() -> None:
    watchers, primary = Watchers(), Primary()
    settling = Settling(1, watchers, several=True)
    settling.seen(online(2))
    primary.says = online(2, lag=1)
    for _ in range(2):
        with pytest.raises(NotDurable, match="follows the primary"):
            await settling.check([1], ONE, primary.info)
    primary.says = {**online(2), "slave1": {"state": "online", "lag": 3}}
    await settling.check([1], ONE, primary.info)
    assert (settling.waited_for, watchers.asked) == (1, 1)
    settling.seen(online(2))
    primary.says = None
    await settling.check([1], ONE, primary.info)


async def test_a_cluster_is_waited_for_whole_and_accepted_with_what_is_asked_for() -> None:
    settling = Settling(1, None, several=True)
    settling.seen(online(2))
    assert settling.commands() == [("WAIT", 2, 800)]
    await settling.check([1], ONE, Primary().info)
    assert settling.commands() == [("WAIT", 1, 800)]


async def test_elsewhere_it_waits_for_what_is_asked_for() -> None:
    settling, info = Settling(1, None), Primary().info
    settling.seen(online(2))
    assert settling.commands() == [("WAIT", 1, 800)]
    settling.on_disk = True
    assert settling.commands() == [("WAITAOF", 1, 0, 800), ("WAIT", 1, 800)]
    with pytest.raises(NotDurable, match="disk"):
        await settling.check([[0, 0], 1], None, info)
    await settling.check([[1, 0], 1], None, info)
    assert Settling(0, None).commands() == []


async def test_what_was_read_at_another_server_is_not_confirmed(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(store_url, "test", replicas=1)

    async def write(*_: Any) -> str:
        return "ok"

    monkeypatch.setattr(connection, "write", write)
    before = connection.moves
    await connection.confirm(before)
    connection._moved()
    with pytest.raises(NotDurable, match="another server is the primary now"):
        await connection.confirm(before)
    await connection.confirm(connection.moves)
    await connection.close()
