"""A cluster of three primaries with replicas, from packages, on ports of the loopback."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from tests.faults.waiting import until
from tests.store.servers import BACKLOG, DURABLE, Server

PASSWORD = "cluster-password-03"
NODE_TIMEOUT_MS = 2000
"""Seconds until a silent node is suspected; the default is 15 s."""
SLOTS = 16384
ASK_AGAIN = 6.0
"""Seconds after which an unsuccessful manual failover has been aborted; the server's limit is five."""


class Cluster:
    """Three primaries with a replica each, and a second one for the slot of the namespace. One `store` of a Stage."""

    def __init__(
        self, folder: Path, name: str = "valkey", *, least: int = 0, namespace: str = "receiver",
        tls: dict[str, Path] | None = None,
    ) -> None:  # fmt: skip
        """`least`: min-replicas-to-write. `tls`: the certificates; nodes and clients then use only TLS."""
        words = (
            *DURABLE, "--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS),
            "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--min-replicas-to-write", str(least),
            "--min-replicas-max-lag", "2", "--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0",
            *BACKLOG,
        )  # fmt: skip
        self.nodes = [Server(folder / f"node-{number}", name, words) for number in range(7)]
        self.secure: dict[str, Any] = {}
        if tls is not None:
            self.secure = {"ssl": True, "ssl_ca_certs": str(tls["ca"])}
            for node in self.nodes:
                node.command[node.command.index("--port")] = "--tls-port"
                node.command += [
                    "--port", "0", "--tls-cluster", "yes", "--tls-replication", "yes", "--tls-auth-clients", "no",
                    "--tls-cert-file", str(tls["server"]), "--tls-key-file", str(tls["server.key"]),
                    "--tls-ca-cert-file", str(tls["ca"]),
                ]  # fmt: skip
        self.slot = key_slot(f"{{{namespace}}}:".encode())
        self.alive = True
        self.source = self.target = self.nodes[0]
        """The nodes between which the slot migrates."""
        self.names: dict[Server, str] = {}

    @property
    def address(self) -> str:
        """The value of `redis.url`: two of the nodes are enough."""
        scheme = "rediss" if self.secure else "redis"
        return f"{scheme}+cluster://:{PASSWORD}@127.0.0.1:{self.nodes[0].port},127.0.0.1:{self.nodes[4].port}"

    @property
    def url(self) -> str:
        """The address of the node that has the slot now, to read its data."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.owner.port}/0"

    async def start(self) -> None:
        """Return once every slot has a primary with a replica."""
        await asyncio.gather(*(node.start() for node in self.nodes))
        first, *others = self.nodes
        for number, node in enumerate(self.nodes):
            self.do(node, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for node in others:
            self.do(first, "CLUSTER", "MEET", "127.0.0.1", str(node.port))
        edges = [0, SLOTS // 3, 2 * SLOTS // 3, SLOTS]
        for node, start, end in zip(self.nodes[:3], edges, edges[1:], strict=False):
            self.do(node, "CLUSTER", "ADDSLOTSRANGE", str(start), str(end - 1))
        names = [str(self.do(node, "CLUSTER", "MYID")) for node in self.nodes[:3]]
        names.append(names[next(n for n in range(3) if edges[n] <= self.slot < edges[n + 1])])

        def replicating() -> bool:
            return all(self.do(n, "CLUSTER", "REPLICATE", name) for n, name in zip(self.nodes[3:], names, strict=True))

        await until(replicating, "nodes that know each other")
        await until(lambda: self.settled, "a cluster")

    def end(self) -> None:
        """Stop all of them."""
        for node in self.nodes:
            node.end()

    def do(self, node: Server, *words: str) -> Any:
        """Return the response of a node; None if there is none."""
        client = node.client(password=PASSWORD, socket_timeout=5, **self.secure)
        try:
            return client.execute_command(*words)
        except (redis.RedisError, OSError):
            return None
        finally:
            client.close()

    def info(self, node: Server) -> dict[str, Any]:
        """Return a node's replication report; empty if it does not respond."""
        return dict(self.do(node, "INFO", "replication") or {})

    @property
    def owner(self) -> Server:
        """The node that has the slot of the namespace, according to most of the others."""
        ports = [port for node in self.nodes if node.alive for port in self._ports(node)[:1]]
        port = max(set(ports), key=ports.count)
        return next(node for node in self.nodes if node.port == port)

    def _ports(self, node: Server) -> list[int]:
        client = node.client(password=PASSWORD, socket_timeout=5, **self.secure)
        try:
            shards = client.execute_command("CLUSTER", "SHARDS")
        except (redis.RedisError, OSError):
            return []
        finally:
            client.close()
        for shard in shards:
            fields = shard if isinstance(shard, dict) else dict(zip(shard[::2], shard[1::2], strict=False))
            slots = fields["slots"]
            pairs = [tuple(pair) for pair in slots] if slots and isinstance(slots[0], list | tuple) else None
            for first, last in pairs or zip(slots[::2], slots[1::2], strict=False):
                if first <= self.slot <= last:
                    return self._ordered(fields["nodes"])
        return []

    @staticmethod
    def _ordered(nodes: list[Any]) -> list[int]:
        found = [node if isinstance(node, dict) else dict(zip(node[::2], node[1::2], strict=False)) for node in nodes]
        found = [node for node in found if node["health"] != "fail"]
        return [
            int(node.get("tls-port") or node["port"])
            for node in sorted(found, key=lambda node: str(node["role"]) != "master")
        ]

    @property
    def settled(self) -> bool:
        """Whether every node reports a complete cluster, and the slot's node has a replica that is up to date."""
        for node in self.nodes:
            said = str(self.do(node, "CLUSTER", "INFO")).split()
            if "cluster_state:ok" not in said or f"cluster_known_nodes:{len(self.nodes)}" not in said:
                return False
        owner = self.owner
        info, replicas = self.info(owner), len(self._ports(owner)) - 1
        states = [info.get(f"slave{number}", {}).get("state") for number in range(replicas)]
        return info.get("role") == "master" and replicas > 0 and states == ["online"] * replicas

    async def fail_over(self) -> None:
        """Fail over from the slot's node to its replica; return when this is done."""
        before = self.owner
        replica = next(node for node in self.nodes if node.port in self._ports(before)[1:])
        asked = -math.inf

        def moved() -> bool:
            # The others may refuse their votes soon after the last failover: an aborted one is requested again.
            nonlocal asked
            if time.monotonic() - asked > ASK_AGAIN and self.do(replica, "CLUSTER", "FAILOVER") is not None:
                asked = time.monotonic()
            return self.owner is not before

        await until(moved, "another primary")

    async def kill_primary(self) -> Server:
        """kill -9 the node that has the slot; return it once another one has it."""
        before = self.owner
        await before.kill()
        await until(lambda: self.owner is not before, "another primary")
        return before

    async def restart(self, killed: Server, *, told: bool) -> None:
        """Start a node again; it gets its role from the others."""
        await killed.start()

    async def migrate(self, pause: float = 0.0) -> None:
        """Migrate the slot to another primary key by key, as `redis-cli --cluster reshard` does."""
        await self.begin_migration()
        end = time.monotonic() + 60
        while keys := self.keys_of_slot(10):
            await self.carry(keys)
            assert time.monotonic() < end, "keys are added faster than they are migrated"
            await asyncio.sleep(pause)
        await self.end_migration()

    async def begin_migration(self) -> None:
        """Set the slot to migrating on its node, and to importing on another primary."""
        self.source = self.owner
        shard = self._ports(self.source)
        self.target = next(n for n in self.nodes if n.port not in shard and self.info(n).get("role") == "master")
        self.names = {node: str(self.do(node, "CLUSTER", "MYID")) for node in (self.source, self.target)}
        slot = str(self.slot)
        assert self.do(self.target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.names[self.source]) is not None
        assert self.do(self.source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.names[self.target]) is not None

    def keys_of_slot(self, most: int = 1000) -> list[str]:
        """Return keys that are still to be migrated."""
        return list(self.do(self.source, "CLUSTER", "GETKEYSINSLOT", str(self.slot), str(most)) or ())

    async def carry(self, keys: list[str]) -> None:
        """Migrate these keys."""
        words = ("MIGRATE", "127.0.0.1", str(self.target.port), "", "0", "5000", "AUTH", PASSWORD, "KEYS", *keys)
        assert self.do(self.source, *words) is not None, "a batch of keys was not migrated"

    async def end_migration(self) -> None:
        """Migrate the remaining keys, and assign the slot to its new node."""
        if keys := self.keys_of_slot():
            await self.carry(keys)
        for node in (self.target, self.source, *self.nodes):
            if self.info(node).get("role") == "master":
                self.do(node, "CLUSTER", "SETSLOT", str(self.slot), "NODE", self.names[self.target])
        await until(lambda: self.owner is self.target, "the slot at its new node")
