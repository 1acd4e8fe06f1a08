"""An event loop whose time jumps to the next timer when it is idle, and whose parts can be stopped.

The code runs unchanged, with real sockets and a real store. Only time is virtual: minutes pass in seconds. A context
variable distinguishes the two replicas in one loop: callbacks of a stopped replica wait, as in a process after SIGSTOP;
callbacks of a throttled one take time, which passes before its next callback.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from concurrent.futures import Executor
from contextvars import Context, ContextVar
from typing import Any

PART: ContextVar[str] = ContextVar("part", default="")
"""The part (a replica) to which a callback belongs."""
PATIENCE = 0.5
"""Real seconds of one wait for an external response."""
LIMIT = 10.0
"""Real seconds without a runnable callback after which time advances although a response is pending."""
PAUSE = 0.001
"""Real seconds between two polls while only sockets of blocked parts are readable."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stops while anything runs or is pending, and jumps otherwise."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__()
        self.outside = 0
        """Pending requests to parts outside this loop (the store, a thread)."""
        self._waits_since: float | None = None
        """Real time since which a response is pending while nothing can run."""
        self._stopped: set[str] = set()
        self._cost: dict[str, float] = {}
        self._free_at: dict[str, float] = {}
        self._held: dict[str, deque[asyncio.Handle]] = {}

    def time(self) -> float:
        return self._now

    def stop_part(self, part: str) -> None:
        """Stop all callbacks of `part` until `go_on`."""
        self._stopped.add(part)

    def go_on(self, part: str) -> None:
        """Let `part` run again, with everything that arrived or expired meanwhile."""
        self._stopped.discard(part)

    def throttle(self, part: str, seconds: float) -> None:
        """Make each callback of `part` take that many seconds; 0: no time."""
        self._cost[part] = seconds

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> Any:
        self.outside += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._answered, context=Context())  # also for a part that is stopped
        return future

    def _answered(self, _: object) -> None:
        self.outside -= 1

    def _run_once(self) -> None:
        self._process_events(self._selector.select(0))  # type: ignore[attr-defined]
        if not self._runnable():
            self._wait_or_jump()
        self._expire()
        for handle in self._take():
            if handle._cancelled:
                continue  # by one that ran before it
            handle._run()
            if cost := self._cost.get(part := _part(handle)):
                self._free_at[part] = max(self._free_at.get(part, 0.0), self._now) + cost

    def _wait_or_jump(self) -> None:
        if self.outside and not self._waited_long():
            self._process_events(self._selector.select(PATIENCE))  # type: ignore[attr-defined]
            if self._runnable():
                self._waits_since = None
            else:
                time.sleep(PAUSE)  # a socket of a stopped part is readable in each poll
            return
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        moments = [timers[0]._when] if timers else []
        moments += [self._free_at[part] for part, held in self._held.items() if held and self._throttled(part)]
        if moments:
            self._now = max(self._now, min(moments))
        else:
            self._process_events(self._selector.select(PATIENCE))  # type: ignore[attr-defined]

    def _waited_long(self) -> bool:
        now = time.monotonic()
        if self._waits_since is None:
            self._waits_since = now
        return now - self._waits_since > LIMIT

    def _throttled(self, part: str) -> bool:
        return part not in self._stopped and self._free_at.get(part, 0.0) > self._now

    def _expire(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and (timers[0]._cancelled or timers[0]._when <= self._now):
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)  # type: ignore[attr-defined]

    def _blocked(self, part: str) -> bool:
        return part in self._stopped or self._free_at.get(part, 0.0) > self._now

    def _runnable(self) -> bool:
        # Callbacks of a stopped part are set aside once, because its sockets are readable again in each poll.
        kept: deque[asyncio.Handle] = deque()
        ready = self._ready  # type: ignore[attr-defined]
        while ready:
            handle = ready.popleft()
            if handle._cancelled:
                continue
            part = _part(handle)
            held = self._held.setdefault(part, deque()) if part else None
            if held is None or not (held or self._cost.get(part) or self._blocked(part)):
                kept.append(handle)
            elif not any(one is handle for one in held):
                held.append(handle)
        ready.extend(kept)
        return bool(kept) or any(held and not self._blocked(part) for part, held in self._held.items())

    def _take(self) -> list[asyncio.Handle]:
        self._runnable()
        taken: list[asyncio.Handle] = list(self._ready)  # type: ignore[attr-defined]
        self._ready.clear()  # type: ignore[attr-defined]
        for part, held in self._held.items():
            if held and not self._blocked(part):
                taken += [held.popleft()] if self._cost.get(part) else held
                if not self._cost.get(part):
                    held.clear()
        return [handle for handle in taken if not handle._cancelled]


def _part(handle: asyncio.Handle) -> str:
    return handle._context.get(PART, "") if handle._context is not None else ""  # type: ignore[attr-defined]
