"""Runs steps in separate tasks: each is guarded and counted, and an unavailable store is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from receiver.metrics import Metrics
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.supervision import run_step
from receiver.store.client.connection import StoreAway
from receiver.store.client.connection_lanes import Lane
from receiver.store.client.connection_lanes import lane as using

log = structlog.get_logger("receiver.work")


class StepTasks:
    """Runs steps in parallel to the work loop until `stop`."""

    def __init__(self, monitor: StoreMonitor, metrics: Metrics, probe: Callable[[], Awaitable[None]]) -> None:
        """`probe` raises StoreAway if the store does not respond."""
        self.stopping = asyncio.Event()
        """Set once nothing new may start."""
        self.running: set[asyncio.Task[None]] = set()
        self._monitor = monitor
        self._metrics = metrics
        self._probe = probe

    async def guard(self, step: str, act: Callable[[], Awaitable[None]]) -> None:
        """Run a step. Its errors are logged and counted; StoreAway is reported to the monitor."""
        # If the store responds, only this step's request was refused or slow, and the other steps continue.
        try:
            await run_step(step, act, self._metrics, self._probe)
        except StoreAway as condition:
            log.info("step_postponed", step=step, condition=condition.condition, reason=str(condition))
            self._monitor.failed(condition)

    def spawn(self, step: str, act: Callable[[], Awaitable[None]], kind: Lane = Lane.WORKER) -> None:
        """Run a guarded step in a task, on the store's connections of `kind`."""
        with using(kind):
            task = asyncio.create_task(self.guard(step, act))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def idle(self) -> None:
        """Return when no task is running."""
        while self.running:
            await asyncio.wait(self.running)

    async def stop(self, end: float, monotonic: Callable[[], float]) -> None:
        """Wait for the running tasks until `end`, in monotonic seconds, and cancel the rest."""
        self.stopping.set()
        while self.running and (left := end - monotonic()) > 0:
            # A running task may start another one, such as the write of its result.
            if not (await asyncio.wait(self.running, timeout=left))[0]:
                break
        for task in self.running:
            task.cancel()
