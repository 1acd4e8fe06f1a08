"""A CPU quota for one process: SIGSTOP for a part of each period, as the kernel does to a container at its limit."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from types import TracebackType

PERIOD = 0.1
"""Seconds; the period of a container's CPU quota (`cpu.cfs_period_us`) on Linux."""


class Throttle:
    """Lets one process run for `share` of each period while the block lasts, and freely after it.

    Only that process is stopped: its children, such as an embedded store, keep the whole CPU.
    """

    def __init__(self, pid: int, share: float, period: float = PERIOD) -> None:
        """`share` is a part of one core between 0 and 1; `period` is in seconds."""
        if not 0 < share < 1:
            raise ValueError("the share of a core lies between 0 and 1")
        self.pid = pid
        self.share = share
        self.period = period
        self._lifted = threading.Event()
        # A thread: the event loop of the test is busy with sending, and would give the process a random share.
        self._thread = threading.Thread(target=self._run, name=f"throttle-{pid}", daemon=True)

    def __enter__(self) -> Throttle:
        """Begin to throttle."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the process run freely again."""
        self.lift()

    def lift(self) -> None:
        """Let the process run freely again, before the block ends."""
        self._lifted.set()
        self._thread.join()
        self._signal(signal.SIGCONT)

    def _run(self) -> None:
        running = self.share * self.period
        due = time.monotonic()
        while not self._lifted.is_set():
            if not self._signal(signal.SIGSTOP):
                return
            due += self.period - running
            self._lifted.wait(max(0.0, due - time.monotonic()))
            if not self._signal(signal.SIGCONT):
                return
            # The share counts from the moment at which the process may run: a late timer takes nothing from it.
            due = max(due, time.monotonic()) + running
            time.sleep(max(0.0, due - time.monotonic()))

    def _signal(self, number: signal.Signals) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False
