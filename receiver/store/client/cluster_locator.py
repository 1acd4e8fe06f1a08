"""A cluster: which node has the one slot that all keys of the namespace are in.

All keys share a hash tag (store/keys.py), so that one node has all of them, and a commit is one script there. A client
that spreads commands over nodes has nothing to spread.
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
"""To one node, at most, for questions about the cluster."""
MOST = 8
"""Nodes that are asked at once: those of the address, and those that have had the slot."""


def place(error: MovedError, asked: Node | None) -> Node | None:
    """Return the node that MOVED names; one without a host has that of the node that answered."""
    host = error.host or (asked[0] if asked else "")
    return (host, int(error.port)) if host else None


class Cluster:
    """The nodes of an address, and those that they name."""

    def __init__(self, endpoint: Endpoint, keys: Keys, time: LoopTime) -> None:
        """Nothing is asked yet. `keys` tell the slot."""
        self._endpoint = endpoint
        self._slot = key_slot(keys.prefix.encode())
        self._first = tuple(endpoint.address.nodes)
        self._known: list[Node] = []
        self._clients: dict[Node, Any] = {}
        self._asked = Asked[tuple[Node, ...]](time)

    async def find(self) -> Node:
        """Return which node has the slot, as most of those who answer say it. Raises RedisError and OSError."""
        nodes = list(dict.fromkeys([*self._known, *self._first]))[:MOST]

        def agreed(shards: Sequence[tuple[Node, ...]]) -> bool:
            owners = Counter(shard[0] for shard in shards if shard)
            return any(count * 2 > len(nodes) for count in owners.values())

        shards, failures = await self._asked.ask([self._shard(node) for node in nodes], agreed)
        owners = Counter(shard[0] for shard in shards if shard)
        if not owners:
            raise next(iter(failures), None) or ClusterDownError("no node of the cluster says who has the slot")
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
        # The owner of the slot and its replicas, as `node` knows them; nothing where it knows no owner.
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
