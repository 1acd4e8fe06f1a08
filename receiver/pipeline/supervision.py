"""Supervises tasks that run as long as the service: a task that ends is restarted, logged and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.client.store_errors import IncidentUnreadable, StoreAway

RESTS = (0.0, 0.5, 2.0, 5.0)
"""Seconds before a task is restarted: the first, second, third, and each later time in a row."""
STEADY = 60.0
"""Seconds after which a running task is stable: its next end counts as the first again."""
ASK = 0.5
"""Seconds between two cancellations of a task: one that is opening a connection may miss the first."""

log = structlog.get_logger("receiver.supervision")


@dataclass
class Supervised:
    """One task and its restarts."""

    name: str
    run: Callable[[], Awaitable[None]]
    lane: Lane
    essential: bool = False
    """Whether the process must end without it."""
    restarts: int = 0
    in_a_row: int = 0
    started_at: float = 0.0
    down_since: float | None = None
    """Monotonic seconds since when it does not run; None while it does."""
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Runs tasks until `stop`. A task that ends for any reason, including an unexpected cancellation, is restarted."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        """Create it without tasks."""
        self.clock = clock
        self.metrics = metrics
        self.stopping = False
        """Whether the supervisor is stopping, so that tasks may end."""
        self._supervised: dict[str, Supervised] = {}

    def start(
        self, name: str, run: Callable[[], Awaitable[None]], kind: Lane = Lane.WORKER, *, essential: bool = False
    ) -> None:
        """Run `run` until `stop`, on store connections of `kind`.

        The process ends if an `essential` task cannot run.
        """
        one = self._supervised[name] = Supervised(name, run, kind, essential)
        self.metrics.worker_restarts.labels(name)
        self._launch(one)

    @property
    def tasks(self) -> Mapping[str, Supervised]:
        """The tasks by name."""
        return self._supervised

    def longest_down(self) -> float:
        """Return the seconds for which an essential task has not run; 0 while all run. Safe to call from any thread."""
        now = self.clock.monotonic()
        down = [
            now - since for one in self._supervised.values() if one.essential and (since := one.down_since) is not None
        ]
        return max(down, default=0.0) if not self.stopping else 0.0

    async def stop(self) -> None:
        """End every task, canceling it again until it ends."""
        self.stopping = True
        tasks = [one.task for one in self._supervised.values() if one.task is not None]
        while left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=ASK)

    def _launch(self, one: Supervised) -> None:
        with lane(one.lane):
            one.task = asyncio.create_task(self._keep(one), name=f"supervised {one.name}")
        one.task.add_done_callback(lambda task: self._ended(one, task))

    def _ended(self, one: Supervised, task: asyncio.Task[None]) -> None:
        # The restarting task itself has ended, through a cancellation from outside or its own error.
        if self.stopping or task is not one.task or task.get_loop().is_closed():
            return
        self._count(one, "cancelled" if task.cancelled() else repr(task.exception()))
        self._launch(one)

    async def _keep(self, one: Supervised) -> None:
        while not self._over():
            one.started_at, one.down_since = self.clock.monotonic(), None
            why = "it returned"
            try:
                await one.run()
            except asyncio.CancelledError:
                current = asyncio.current_task()
                if self._over() or (current is not None and current.cancelling()):
                    raise
                why = "an unexpected cancellation"
            except StoreAway as condition:
                why = f"{condition.condition}: {condition}"
            except Exception as error:
                why = f"{type(error).__name__}"
                self.metrics.loop_errors.labels(one.name).inc()
                log.exception("step_failed", step=one.name)
            if self._over():
                return
            self._count(one, why)
            await asyncio.sleep(RESTS[min(one.in_a_row, len(RESTS)) - 1])

    def _over(self) -> bool:
        return self.stopping

    def _count(self, one: Supervised, why: str) -> None:
        now = self.clock.monotonic()
        one.in_a_row = 1 if now - one.started_at >= STEADY else one.in_a_row + 1
        one.restarts += 1
        one.down_since = one.down_since if one.down_since is not None else now
        self.metrics.worker_restarts.labels(one.name).inc()
        log.error("worker_restarted", task=one.name, reason=why, restarts=one.restarts)


async def run_step(
    step: str, act: Callable[[], Awaitable[None]], metrics: Metrics, probe: Callable[[], Awaitable[None]] | None = None
) -> bool:
    """Run a step of a loop and return whether it succeeded; errors are logged and counted. Raises StoreAway.

    `probe` queries the store: if it answers, only this step's request was refused or too slow. A known condition is
    logged in one line without a stack trace.
    """
    try:
        await act()
    except StoreAway as condition:
        if condition.ours:
            if isinstance(condition, IncidentUnreadable):
                metrics.loop_errors.labels(step).inc()  # it cannot be done until another version runs
            # The store responds; due work is claimed again when its lease has ended.
            log.info("step_postponed", step=step, condition=condition.condition, reason=str(condition))
            return False
        if probe is None:
            raise
        await probe()
        metrics.loop_errors.labels(step).inc()
        log.error("step_refused", step=step, condition=condition.condition, reason=str(condition))
        return False
    except Exception:
        metrics.loop_errors.labels(step).inc()
        log.exception("step_failed", step=step)
        return False
    return True
