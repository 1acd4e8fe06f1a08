"""A CPU quota for one process: SIGSTOP for a part of each period, like the kernel's limit for a container."""

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
    """Limits one process to `share` of each period during the block.

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
        # A thread, because the test's event loop is busy sending, and would make the share random.
        self._thread = threading.Thread(target=self._run, name=f"throttle-{pid}", daemon=True)

    def __enter__(self) -> Throttle:
        """Start throttling."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop throttling."""
        self.lift()

    def lift(self) -> None:
        """Stop throttling before the end of the block."""
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
            # The share is counted from the time at which the process may run, so a late timer does not reduce it.
            due = max(due, time.monotonic()) + running
            time.sleep(max(0.0, due - time.monotonic()))

    def _signal(self, number: signal.Signals) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False
