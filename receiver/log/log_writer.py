"""Writes log lines in a separate thread, so that a slow reader delays no page."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

WAITING = 10_000
"""Records that may wait for a slow reader; later ones are dropped and counted."""
GATHER, BATCH, LINGER = 0.05, 500, 20
"""Seconds for which records are gathered before they are written; how many are written at once; and how many times the
thread checks for more before it sleeps: waking it costs the event loop more than twenty records do."""
LAST_WORDS = 2.0
"""Seconds that an exiting process waits for its last records."""


@dataclass(frozen=True)
class DirectLines:
    """Stamps and filters lines that are already JSON."""

    now: Callable[[], datetime]
    level: int


class Writer(logging.Handler):
    """Writes in a separate thread: a full pipe or disk loses records, never a page.

    The thread is woken for the first record and then gathers: waking it for each costs the event loop more than the
    record itself does.
    """

    def __init__(self, stream: TextIO, waiting: int = WAITING) -> None:
        """Start the thread; `close` ends it."""
        super().__init__()
        self._stream = stream
        self._most = waiting
        self._lines: deque[str] = deque()
        self._idle = True
        """Whether the thread waits to be woken."""
        self._wake = threading.Event()
        self._over = threading.Event()
        self.direct_lines: DirectLines | None = None
        """The clock and the lowest level for lines of JSON that are added as they are; None: no line is."""
        self.dropped = 0
        """Records that were dropped because the reader was too slow."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, or drop and count it."""
        try:
            line = self.format(record)
        except (TypeError, ValueError, KeyError, AttributeError):
            self.handleError(record)  # a record that cannot be formatted must not break the code that logs it
            return
        self.add(line)

    def add(self, line: str) -> None:
        """Queue a line, or drop and count it."""
        if len(self._lines) >= self._most:
            self.dropped += 1
            return
        self._lines.append(line)
        if self._idle:
            self._idle = False
            self._wake.set()

    def close(self) -> None:
        """Write the queued lines, for two seconds at most."""
        self._over.set()
        self._wake.set()
        self._thread.join(LAST_WORDS)
        super().close()

    def _run(self) -> None:
        reported = checked = 0
        while True:
            if not self._lines:
                if self._over.is_set():
                    return
                if checked < LINGER:
                    checked += 1
                    self._over.wait(GATHER)
                    continue
                # Set before the last check, so that a record added in between wakes the thread.
                self._idle = True
                if not self._lines:
                    self._wake.wait()
                self._idle = False
                self._wake.clear()
                self._over.wait(GATHER)
                continue
            reported, checked = self._write(reported), 0
            self._over.wait(GATHER)

    def _write(self, reported: int) -> int:
        batch = []
        if self.dropped > reported:
            batch.append(f'{{"level":"warning","event":"log_records_dropped","count":{self.dropped - reported}}}')
            reported = self.dropped
        for _ in range(min(len(self._lines), BATCH)):
            batch.append(self._lines.popleft())
        try:
            self._stream.write("\n".join(batch) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.dropped += len(batch)
        return reported
