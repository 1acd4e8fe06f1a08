"""A primary, two replicas and three Sentinels, from packages, on ports of the loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import redis

from tests.faults.waiting import until
from tests.store.servers import BACKLOG, DURABLE, Server

NAME = "incidents"
DOWN_AFTER_MS = 2000
"""After which a Sentinel takes a silent server to be down; its default is 30 s."""
PAUSE_MS = 5000
"""For how long writes are paused before a planned failover (docs/operating.md); a demotion ends it earlier."""
PASSWORD, SENTINEL_PASSWORD = "server-password-01", "sentinel-password-02"


class Replicated:
    """A primary with replicas, and the Sentinels that monitor them. It is one `store` of a Stage."""

    def __init__(self, folder: Path, name: str = "valkey", *, least: int = 0) -> None:
        """`least`: min-replicas-to-write."""
        words = (
            *DURABLE, "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--min-replicas-to-write", str(least),
            "--min-replicas-max-lag", "2", "--repl-diskless-sync-delay", "0", "--repl-timeout", "5", *BACKLOG,
        )  # fmt: skip
        self.servers = [Server(folder / f"server-{number}", name, words) for number in range(3)]
        for server in self.servers[1:]:
            server.command += ["--replicaof", "127.0.0.1", str(self.servers[0].port)]
        self.sentinels = [
            Server(folder / f"sentinel-{number}", name, ("--sentinel",), config=self._config()) for number in range(3)
        ]
        for sentinel in self.sentinels:
            # A Sentinel rewrites its file, and would add options of the command line each time.
            sentinel.command[2:] = [*sentinel.command[2:]]
        self.alive = True

    def _config(self) -> str:
        return f"""
sentinel monitor {NAME} 127.0.0.1 {self.servers[0].port} 2
sentinel auth-pass {NAME} {PASSWORD}
sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}
sentinel failover-timeout {NAME} 6000
sentinel parallel-syncs {NAME} 2
requirepass {SENTINEL_PASSWORD}
sentinel sentinel-pass {SENTINEL_PASSWORD}
"""

    async def start(self) -> None:
        """Return when the replicas are in sync and the Sentinels know each other."""
        await asyncio.gather(*(server.start() for server in self.servers))
        await asyncio.gather(*(sentinel.start() for sentinel in self.sentinels))
        await until(lambda: self.settled, "replicas and Sentinels that know each other")

    def end(self) -> None:
        """Stop all of them."""
        for one in (*self.sentinels, *self.servers):
            one.end()

    @property
    def address(self) -> str:
        """The value of `redis.url`; the password of the Sentinels is a separate setting."""
        nodes = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://:{PASSWORD}@{nodes}/{NAME}"

    @property
    def url(self) -> str:
        """The address of the current primary, to read its data."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def port(self) -> int:
        """The port of the primary, according to most Sentinels."""
        told = [self.ask(one, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) for one in self.sentinels]
        ports = [int(address[1]) for address in told if address]
        return max(set(ports), key=ports.count)

    @property
    def primary(self) -> Server:
        """The primary."""
        port = self.port
        return next(server for server in self.servers if server.port == port)

    def ask(self, sentinel: Server, *words: str) -> Any:
        """Return the response of a Sentinel; None if there is none."""
        client = sentinel.client(password=SENTINEL_PASSWORD, socket_timeout=2)
        try:
            return client.execute_command(*words)
        except (redis.RedisError, OSError):
            return None
        finally:
            client.close()

    def info(self, server: Server) -> dict[str, Any]:
        """Return a server's replication report; empty if it does not respond."""
        client = server.client(password=PASSWORD, socket_timeout=2)
        try:
            return dict(client.info("replication"))
        except (redis.RedisError, OSError):
            return {}
        finally:
            client.close()

    @property
    def settled(self) -> bool:
        """Whether there is one primary with two synchronized replicas, and every Sentinel reports this."""
        port = self.port
        for server in self.servers:
            info = self.info(server)
            role = "master" if server.port == port else "slave"
            if info.get("role") != role:
                return False
            if role == "master" and [info.get(f"slave{n}", {}).get("state") for n in range(2)] != ["online"] * 2:
                return False
            if role == "slave" and (info["master_port"], info["master_link_status"]) != (port, "up"):
                return False
        for sentinel in self.sentinels:
            said = self.ask(sentinel, "SENTINEL", "MASTER", NAME) or []
            fields = said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=False))
            known = (fields.get("num-slaves"), fields.get("num-other-sentinels"), fields.get("flags"))
            if known != ("2", "2", "master") or int(fields["port"]) != port:
                return False
        return True

    async def fail_over(self, *, pause: bool = False) -> None:
        """Let the Sentinels make another server the primary, as before maintenance; return once they have.

        `pause`: pause writes first, as docs/operating.md says, so that no replica needs a full copy afterwards.
        """
        before = self.port
        if pause:
            client = self.primary.client(password=PASSWORD, socket_timeout=2)
            client.client_pause(PAUSE_MS, all=False)
            client.close()
        # Refused while the one before is not over yet.
        await until(lambda: self.ask(self.sentinels[0], "SENTINEL", "FAILOVER", NAME) in (True, "OK"), "a failover")
        await until(lambda: self.port != before, "another primary")

    def part(self, *, parted: bool) -> None:
        """Interrupt replication to the replicas, or resume it."""
        clients = [server.client(password=PASSWORD, socket_timeout=5) for server in self.servers if server.alive]
        for client in clients:
            client.config_set("masterauth", "wrong" if parted else PASSWORD)
        for client in clients:
            if parted:
                client.execute_command("CLIENT", "KILL", "TYPE", "replica")
            client.close()

    async def restart(self, killed: Server, *, told: bool) -> None:
        """Start a server again: as a replica of the primary (`told`), or as what it was first.

        An entrypoint that asks the Sentinels does the former. To the latter the Sentinels say so after 8 s.
        """
        before = list(killed.command)
        if told:
            at = killed.command.index("--replicaof") if "--replicaof" in killed.command else len(killed.command)
            killed.command[at:] = ["--replicaof", "127.0.0.1", str(self.port)]
        await killed.start()
        killed.command[:] = before

    async def kill_primary(self) -> Server:
        """kill -9 the primary; return it when there is a new one."""
        before = self.primary
        await before.kill()
        await until(lambda: self.port != before.port, "another primary")
        return before
