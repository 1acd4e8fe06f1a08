"""A supervised task that ends for any reason is restarted, logged and counted; only `stop` ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.pipeline import supervision
from receiver.pipeline.supervision import Supervisor
from receiver.store.client.store_errors import StoreSlow
from tests.stories.world import World


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    """A supervisor that restarts at once."""
    monkeypatch.setattr(supervision, "RESTS", (0.0,))
    made = Supervisor(Clock(), Metrics())
    yield made
    await made.stop()


def restarts(made: Supervisor, name: str) -> float | None:
    return made.metrics.registry.get_sample_value("receiver_worker_restarts_total", {"task": name})


class Task:
    """Fails twice, then runs."""

    def __init__(self, end: str) -> None:
        self.end = end
        self.runs = 0
        self.runs_on = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs > 2:
            self.runs_on.set()
            await asyncio.Event().wait()
        if self.end == "error":
            raise ValueError("nobody has thought of this")
        if self.end == "condition":
            raise StoreSlow("1.5 s")
        if self.end == "stray cancellation":
            # The effect of a shared future on all its waiters when one of them is cancelled.
            shared = asyncio.get_running_loop().create_future()
            shared.cancel()
            await shared
        if self.end == "cancelled from outside":
            current = asyncio.current_task()
            assert current is not None
            current.cancel()
            await asyncio.sleep(0)


@pytest.mark.parametrize("end", ["error", "condition", "stray cancellation", "cancelled from outside", "return"])
async def test_a_task_that_ends_unasked_is_restarted(supervisor: Supervisor, end: str) -> None:
    task = Task(end)
    supervisor.start("loop", task.run)
    await asyncio.wait_for(task.runs_on.wait(), 5)
    assert task.runs == 3
    assert restarts(supervisor, "loop") == 2
    assert supervisor.tasks["loop"].restarts == 2
    assert supervisor.longest_down() == 0.0


async def test_what_is_stopped_is_not_restarted(supervisor: Supervisor) -> None:
    task = Task("")
    task.runs = 2
    supervisor.start("loop", task.run)
    await asyncio.wait_for(task.runs_on.wait(), 5)
    await supervisor.stop()
    assert (task.runs, restarts(supervisor, "loop")) == (3, 0)


async def test_every_task_of_a_replica_is_supervised(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (await world.open()).one
    looked = asyncio.Event()

    async def failing() -> None:
        looked.set()
        raise ValueError("nobody has thought of this")

    monkeypatch.setattr(one.auditor, "run", failing)
    one.run()
    await asyncio.wait_for(looked.wait(), 5)
    await asyncio.sleep(0)
    assert one.metrics.registry.get_sample_value("receiver_loop_errors_total", {"step": "audit"}) >= 1  # type: ignore[operator]
    assert {"loop", "beside", "monitor", "refused", "audit"} <= one.supervisor.tasks.keys()
