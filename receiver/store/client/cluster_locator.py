"""Redis Cluster: finds the node that has the slot of the namespace's keys.

All keys share a hash tag (store/keys.py), so one node has all of them, and a commit is one script there. A client that
distributes commands over nodes is not needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError

from receiver.loop_time import LoopTime
from receiver.model.store_address import Node
from receiver.store.client.connection_pools import pool
from receiver.store.client.server_poll import Asked
from receiver.store.client.store_endpoint import Endpoint
from receiver.store.keys import Keys

CONNECTIONS = 4
"""Maximum number of connections to one node for queries about the cluster."""
MOST = 8
"""Maximum number of nodes that are queried at once: those of the address, and previous owners of the slot."""


def place(error: MovedError, asked: Node | None) -> Node | None:
    """Return the node in a MOVED reply; without a host, the host of the node that answered applies."""
    host = error.host or (asked[0] if asked else "")
    return (host, int(error.port)) if host else None


class Cluster:
    """The nodes of an address, and the nodes that they report."""

    def __init__(self, endpoint: Endpoint, keys: Keys, time: LoopTime) -> None:
        """`keys` determine the slot."""
        self._endpoint = endpoint
        self._slot = key_slot(keys.prefix.encode())
        self._first = tuple(endpoint.address.nodes)
        self._known: list[Node] = []
        self._clients: dict[Node, Any] = {}
        self._asked = Asked[tuple[Node, ...]](time)

    async def find(self) -> Node:
        """Return the node that has the slot according to most nodes that answer. Raises RedisError and OSError."""
        nodes = list(dict.fromkeys([*self._known, *self._first]))[:MOST]

        def agreed(shards: Sequence[tuple[Node, ...]]) -> bool:
            owners = Counter(shard[0] for shard in shards if shard)
            return any(count * 2 > len(nodes) for count in owners.values())

        shards, failures = await self._asked.ask([self._shard(node) for node in nodes], agreed)
        owners = Counter(shard[0] for shard in shards if shard)
        if not owners:
            raise next(iter(failures), None) or ClusterDownError("no node of the cluster says which node has the slot")
        owner = owners.most_common(1)[0][0]
        self._known = list(dict.fromkeys(node for shard in shards if owner in shard[:1] for node in shard))
        return owner

    async def close(self) -> None:
        """Close every connection."""
        await self._asked.end()
        for client in self._clients.values():
            await client.aclose()
            await client.connection_pool.disconnect()

    async def _shard(self, node: Node) -> tuple[Node, ...]:
        # The owner of the slot and its replicas, as `node` reports them; nothing if it knows no owner.
        slots = await self._client(node).execute_command("CLUSTER", "SLOTS")
        for first, last, *servers in slots:
            if first <= self._slot <= last:
                named = [(host or node[0], int(port)) for host, port, *_ in servers if host != "?"]
                return tuple(named)
        return ()

    def _client(self, node: Node) -> Any:
        if node not in self._clients:
            address, (host, port) = self._endpoint.address, node
            scheme = "rediss" if address.tls else "redis"
            at = f"[{host}]" if ":" in host else host
            url = f"{scheme}://{address.user}{at}:{port}"
            self._clients[node] = Redis(connection_pool=pool(url, CONNECTIONS, self._endpoint.tls))
        return self._clients[node]
