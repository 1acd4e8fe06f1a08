"""The processes of a test: each is started, signaled and ended by its own id, and none outlives the test."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from receiver.store.embedded import exec_child
from receiver.store.embedded.embedded_store import find_program
from tests.faults.waiting import until

ROOT = Path(__file__).parents[2]


class Program:
    """One program that can be started repeatedly; its output is in `log`."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.command = list(command)
        self.log = log
        self.home = ROOT
        """The folder in which it runs, and in which Python finds its modules."""
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self, env: Mapping[str, str] | None = None) -> None:
        """Start it; it must not be running."""
        assert not self.alive, "it is already running"
        # The kernel ends it with us if the whole test run is killed.
        command = [sys.executable, "-I", "-S", str(exec_child.__file__), str(os.getpid()), *self.command]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(self.home), **(env or {})},
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; do nothing if it has ended."""
        if self.process is not None:
            self.process.send_signal(number)

    async def ended(self, within: float = 20.0) -> int:
        """Return its exit code (negative: the signal that ended it) once it has ended."""
        process = self.process
        assert process is not None
        await until(lambda: process.poll() is not None, f"the end of {self.command[:3]}", within)
        assert process.returncode is not None
        return process.returncode

    async def kill(self) -> None:
        """End it like a power failure."""
        self.signal(signal.SIGKILL)
        await self.ended()

    def end(self) -> None:
        """End it in any state, after the test."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Valkey(Program):
    """A user's own store: a server that outlives the services, on a unix socket."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.socket = folder / "s"
        self.env: dict[str, str] = {}
        super().__init__(
            [
                *(find_program(), "--port", "0", "--unixsocket", str(self.socket), "--dir", str(folder)),
                *("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"),
            ],
            folder / "log",
        )

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    async def start(self) -> None:
        """Return once it has loaded its file and answers."""
        self.spawn(self.env)
        await until(lambda: self.ask("PING").startswith(b"+PONG"), "an answer of the store")

    def ask(self, *words: str) -> bytes:
        """Return the answer to a command of plain words; empty if there is none."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(1)
            try:
                door.connect(str(self.socket))
                door.sendall((" ".join(words) + "\r\n").encode())
                return door.recv(65_536)
            except OSError:
                return b""


class Fakes(Program):
    """The vendors, and the ledger of the requests that they accepted."""

    def __init__(self, folder: Path, *, rate_limits: bool = False) -> None:
        """`rate_limits`: they answer 429 above the documented limits of the vendors."""
        folder.mkdir(parents=True)
        self.ledger = folder / "vendors.jsonl"
        self._port_file = folder / "port"
        self._read = 0
        self._entries: list[dict[str, Any]] = []
        files = ["--ledger", str(self.ledger), "--port-file", str(self._port_file)]
        limits = ["--rate-limits"] if rate_limits else []
        super().__init__([sys.executable, "-m", "tests.fakes", *files, *limits], folder / "log")

    async def start(self) -> None:
        """Return once they listen."""
        self.spawn()
        await until(self._port_file.exists, "the vendors' port")

    @property
    def url(self) -> str:
        """Their address."""
        return f"http://127.0.0.1:{self._port_file.read_text('ascii')}"

    def entries(self) -> list[dict[str, Any]]:
        """Return everything that arrived so far."""
        if self.ledger.exists():
            with self.ledger.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._entries.append(json.loads(line))
        return self._entries

    async def script(self, vendor: str, *answers: dict[str, Any]) -> None:
        """Set the responses to the next requests to a vendor; without any, respond as usual from now on."""
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"{self.url}/_script/{vendor}", json=list(answers))
            assert answer.status == 200


class Service(Program):
    """One replica, on a port that it keeps across restarts."""

    def __init__(
        self, config: Path, port: int, env: Mapping[str, str], *, plain: bool = False, home: Path = ROOT
    ) -> None:
        """`plain`: the regular command, with its JSON log, without named moments.

        `home`: the folder of its code.
        """
        run = ["receiver.cli", "serve", "--config"] if plain else ["tests.faults.service"]
        super().__init__([sys.executable, "-m", *run, str(config)], config.with_suffix(".log"))
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self.env = dict(env)

    async def start(self, kill_at: str = "") -> None:
        """Return once it accepts requests; `kill_at`: a named moment at which it will die."""
        self.spawn({**self.env, "KILL_AT": kill_at})
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:

            async def ready() -> bool:
                assert self.alive, f"the service exited during startup: {self.log.read_text()[-2000:]}"
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        return answer.status == 200
                except (aiohttp.ClientError, OSError, TimeoutError):
                    return False

            await until(ready, "a service that is ready", 90)


SHARES = 50
"""Processes that run tests side by side draw ports from different shares, by their process id."""
_given: deque[int] = deque(maxlen=100)
"""Ports that this process has given away last: their programs may not listen yet, or be about to start again."""


def free_port(first: int = 10_000, last: int = 32_000, *, beside: int = 0) -> int:
    """Return a port of the loopback that nobody listens on, from `first` to `last`; nor on the port `beside` it.

    It is below those that the kernel gives to sockets without a port of their own (from 32,768 on). The program that
    gets it listens on it only a moment later: until then no other test of this machine draws it.
    """
    while True:
        port = first + SHARES * secrets.randbelow((last - first) // SHARES) + os.getpid() % SHARES
        if port in _given or port + beside in _given:
            continue
        with suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            if beside:
                other.bind(("127.0.0.1", port + beside))
            _given.extend({port, port + beside})
            return port
