"""The lock on a data folder, held by the service that uses its files and by the server started on them."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

POLL = 0.05
IN_USE = 2.0
"""Maximum seconds to wait for a running service: it may be about to end, but usually is not."""


class EmbeddedStoreError(Exception):
    """The embedded store is not available. The message is for a person: the problem, and what to do."""


class StoreBusy(EmbeddedStoreError):
    """Another process uses this data folder."""


class FolderLock:
    """An exclusive flock(2) on DATA/lock.

    It belongs to the open file, so the server, which inherits `fd`, holds it too: it is free once the service *and* its
    server have ended in any way, so that two servers never write the same files.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` must exist; the file is opened later."""
        self.folder = folder
        self.path = folder / "lock"
        self.fd: int | None = None

    def acquire(self, patience: float) -> int:
        """Return the descriptor that a server must inherit. Waits `patience` seconds, then raises StoreBusy.

        If the service that holds it is running, it waits at most two seconds, because a person may be waiting for the
        message.
        """
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        tries = max(1, round(patience / POLL))
        for number in range(tries + 1):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if number * POLL >= IN_USE and self._runs():
                    break
                if number < tries:
                    time.sleep(POLL)
            else:
                self.fd = fd
                self.sign(os.getpid())
                return fd
        os.close(fd)
        raise StoreBusy(self._who())

    def sign(self, *pids: int) -> None:
        """Write who holds it, the service first; only used in messages."""
        if self.fd is not None:
            os.pwrite(self.fd, (" ".join(map(str, pids)) + "\n").encode(), 0)
            os.ftruncate(self.fd, len(" ".join(map(str, pids))) + 1)

    def release(self) -> None:
        """Release it; it is free once a server that inherited it has ended."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def _runs(self) -> bool:
        """Return whether the service that holds it is running.

        In a container, it may have had the process id of this one.
        """
        pids = self._pids()
        return bool(pids) and pids[0] != os.getpid() and _is_alive(pids[0])

    def _pids(self) -> list[int]:
        return [int(word) for word in self.path.read_text("ascii", "replace").split() if word.isdecimal()]

    def _who(self) -> str:
        pids = self._pids()
        alive = [pid for pid in pids if _is_alive(pid)]
        if not alive:
            holder, advice = "another process", "Find it with `fuser` or `lsof` on that folder's file named lock"
        elif alive[0] == pids[0]:
            holder, advice = f"process {alive[0]}", f"Stop it (`kill {alive[0]}`)"
        else:
            holder = f"process {alive[0]}, the store of a service that has exited"
            advice = f"Wait for it to end, or end it (`kill {alive[0]}`)"
        return (
            f"The data folder {self.folder} is in use by {holder}. {advice}, or give this service a folder of its own "
            "(redis.data_dir, RECEIVER_DATA_DIR), or let both share one server (REDIS_URL)."
        )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # Its parent has not read its exit status yet (proc(5)).
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[:1] != ["Z"]
    except OSError:
        return True
