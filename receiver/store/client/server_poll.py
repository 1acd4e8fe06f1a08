"""A query to several servers at once, whose answers are combined."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from redis.exceptions import RedisError

from receiver.loop_time import LoopTime

LIMIT = 0.5
"""Maximum seconds of loop time for one answer."""

Answer = TypeVar("Answer")


class Asked(Generic[Answer]):
    """The running queries: late ones run until their own deadline."""

    def __init__(self, time: LoopTime) -> None:
        """Deadlines are measured with `time`."""
        self._time = time
        self._tasks: set[asyncio.Task[Answer]] = set()

    async def ask(
        self, questions: Iterable[Awaitable[Answer]], enough: Callable[[Sequence[Answer]], bool]
    ) -> tuple[list[Answer], list[Exception]]:
        """Return the answers, once they are `enough` or no more arrive, and the errors of the other servers."""
        waiting = {asyncio.get_running_loop().create_task(self._one(question)) for question in questions}
        self._tasks |= waiting
        answers: list[Answer] = []
        failures: list[Exception] = []
        for task in waiting:
            task.add_done_callback(self._done)
        while waiting and not enough(answers):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                failure = task.exception()
                if failure is None:
                    answers.append(task.result())
                elif isinstance(failure, RedisError | OSError):  # TimeoutError is one
                    failures.append(failure)
                else:
                    raise failure
        return answers, failures

    async def end(self) -> None:
        """Wait for the late ones."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def _one(self, question: Awaitable[Answer]) -> Answer:
        async with self._time.deadline(LIMIT):
            return await question
