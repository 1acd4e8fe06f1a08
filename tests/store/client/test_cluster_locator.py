"""A cluster as the store: the slot's node is found and followed; on a migrating slot a script writes nothing or all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import MovedError

from receiver.model.base import to_ms
from receiver.store.client.cluster_locator import place
from receiver.store.client.connection import Connection
from receiver.store.client.lua_script import GUARD, Script
from receiver.store.client.store_errors import StoreSlotMigrating
from receiver.store.due.due_set import SendingOutcome
from receiver.store.keys import Keys
from tests.incident.fixtures import NOW
from tests.store.clusters import PASSWORD, Cluster
from tests.store.fixtures import MS, Rooms, grown, opening, owing
from tests.store.servers import NEW

SCRIPTS = Path(__file__).parents[3] / "receiver" / "store" / "lua"
LUA = [str(path.relative_to(SCRIPTS).with_suffix("")) for path in sorted(SCRIPTS.rglob("*.lua"))]


@pytest.fixture(params=NEW)
async def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path, request.param, namespace="test")
    try:
        await made.start()
        yield made
    finally:
        made.end()


class ClusterRooms(Rooms):
    """Rooms in a cluster, with access to the keys of each node."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.url)
        self.cluster = cluster
        self.connection = Connection(cluster.address, "test")
        self.incidents.connection = self.due.connection = self.connection

    def everything(self) -> dict[str, Any]:
        """Return a dump of every key of the namespace, on any node."""
        found: dict[str, Any] = {}
        for node in self.cluster.nodes:
            client: Any = redis.Redis(port=node.port, password=PASSWORD, single_connection_client=True)
            if client.info("replication")["role"] == "master":
                for key in client.scan_iter("{test}*"):
                    client.execute_command("ASKING")  # the node to which the slot migrates
                    found[key.decode()] = client.dump(key)
            client.close()
        return found


@pytest.mark.parametrize("name", LUA)
def test_every_script_looks_first_whether_the_slot_is_whole(name: str) -> None:
    lines = Script(name).in_cluster.text.splitlines()
    assert lines[0].startswith("#!lua")
    assert lines[1] == GUARD.rstrip()
    assert GUARD not in Script(name).plain.text
    assert Script(name).in_cluster.sha != Script(name).plain.sha
    assert Keys("a.b-c_d").named("x").startswith("{a.b-c_d}:"), "the match of the guard's pattern"


def test_moved_without_a_host_means_the_one_that_answered() -> None:
    assert place(MovedError("12182 10.0.0.2:6379"), ("10.0.0.1", 1)) == ("10.0.0.2", 6379)
    assert place(MovedError("12182 :6379"), ("10.0.0.1", 1)) == ("10.0.0.1", 6379)
    assert place(MovedError("12182 :6379"), None) is None


async def test_a_slot_on_its_way_takes_nothing_and_then_all_at_its_new_node(cluster: Cluster) -> None:
    rooms = ClusterRooms(cluster)
    try:
        assert await rooms.connection.server.inspect() == "fsync"
        done = await rooms.owed(owing())
        (row,) = await rooms.leased(done)
        assert done.incident is not None
        await cluster.begin_migration()
        # The key that a script writes last is migrated first: without the check of the slot, it would have written the
        # others.
        await cluster.carry([key for key in cluster.keys_of_slot() if ":due:" in key or ":changed" in key])
        before = rooms.everything()
        for act in (
            lambda: rooms.commit(grown(done.incident)), lambda: rooms.commit(opening("other", owners={})),
            lambda: rooms.due.complete(row, SendingOutcome.DONE, MS, said=1), rooms.due.probe,
            lambda: rooms.due.claim("pager!", MS + 20_000, 1),
        ):  # fmt: skip
            with pytest.raises(StoreSlotMigrating):
                await act()
        assert rooms.everything() == before
        await cluster.end_migration()
        assert rooms.everything().keys() == before.keys()
        assert (await rooms.commit(grown(done.incident), to_ms(NOW))).incident is not None, "MOVED is not a failure"
        assert rooms.connection.locator is not None
        assert rooms.connection.locator.where == ("127.0.0.1", cluster.owner.port)
        assert await rooms.due.complete(row, SendingOutcome.DONE, MS, said=1) == "done"
    finally:
        await rooms.close()
