"""Long-running work in separate threads: a limited amount runs, some waits, and the rest is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from receiver.web.http.error_responses import Refusal

Result = TypeVar("Result")


class Offload:
    """Threads for one kind of work. The loop's own threads stay free for resolving names, which pages need."""

    def __init__(self, name: str, *, at_once: int, waiting: int, wait: float) -> None:
        """At most `at_once` run and `waiting` wait, each for `wait` seconds; `name` is that of the threads."""
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._wait = wait
        self._waiting = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread, and return its result or raise its exception.

        Raises Refusal (503, `overloaded`) if there is no free thread in time.
        """
        await self._turn()
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Not before the thread has ended, even if no caller waits for it anymore.
        running.add_done_callback(lambda _: self._free.release())
        return await running

    async def _turn(self) -> None:
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise _overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise _overloaded() from None
        finally:
            self._waiting -= 1


def _overloaded() -> Refusal:
    return Refusal(
        503, "overloaded", "overloaded: too many of these requests at once; send it again", headers={"Retry-After": "5"}
    )
