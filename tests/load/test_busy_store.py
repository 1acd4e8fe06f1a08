"""Only the store's own state makes it count as away: neither a busy pool nor a store that is only slow does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.stage import READ_TOKEN
from tests.faults.waiting import say, until
from tests.load.run import LoadRun, load_run

READERS = 150
READING = 5.0
"""Duration of the reading, in seconds."""
NOTICED = 2.0
"""Seconds within which the replica notices that the store is unavailable, or available again."""


async def read(run: LoadRun, end: float, answers: Counter[Any]) -> None:
    """Read lists and single incidents of the first replica one after another until `end`."""
    url = run.stage.services[0].url
    headers = {"Authorization": f"Bearer {READ_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as session:
        while time.monotonic() < end:
            for path in ("/api/v1/incidents?limit=100", "/api/v1/incidents?open=true&limit=100"):
                try:
                    async with session.get(url + path) as answer:
                        await answer.read()
                        answers[answer.status] += 1
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    answers[type(error).__name__] += 1


async def settled(run: LoadRun) -> None:
    """Wait until all notifications are accepted and paged, and check that the run broke no guarantee."""
    await run.settle()
    report = await run.report()
    say(report.text())
    assert report.breaches == []


async def test_a_busy_pool_is_no_outage(tmp_path: Path) -> None:
    async with load_run(tmp_path, slow=True) as run:
        assert run.slow is not None
        await run.sender.run(20.0, 1.0)
        run.slow.delay(0.15)
        answers: Counter[Any] = Counter()
        end = time.monotonic() + READING
        readers = [asyncio.create_task(read(run, end, answers)) for _ in range(READERS)]
        await run.sender.run(4.0, READING)
        await asyncio.gather(*readers)
        run.slow.delay(0.0)
        say(f"{READERS} readers: {dict(answers)}")
        assert answers[200] > 0
        await settled(run)


@pytest.mark.parametrize(("least", "most"), [(0.1, 0.1), (0.3, 0.3), (0.1, 0.45)], ids=["100", "300", "100-450"])
async def test_a_store_that_answers_slowly_is_there(tmp_path: Path, least: float, most: float) -> None:
    """A webhook takes three round trips: at most 1.35 s, which is within its limit of 1.8 s."""
    async with load_run(tmp_path, slow=True) as run:
        assert run.slow is not None
        await run.sender.run(2.0, 1.0)
        run.slow.delay(least, most)
        await run.sender.run(2.0, 6.0)
        with contextlib.suppress(AssertionError):
            await until(lambda: not run.sender.waiting, "everything accepted", 10.0)
        left = len(run.sender.waiting)
        run.slow.delay(0.0)
        await settled(run)
        assert left == 0, "not accepted while the store was slow"


async def said_up(run: LoadRun, *, up: bool) -> float:
    """Return the seconds until `/healthz` and the metric report this state."""

    async def says() -> bool:
        sample = await run.watches[0].look()
        metrics = await run.watches[0].metrics()
        return sample.store_up is up and metrics["receiver_store_up", ""] == float(up)

    return await until(says, f"the store to be reported as {'there' if up else 'away'}", 20.0)


async def test_a_store_that_is_gone_for_five_seconds_is_away_once(tmp_path: Path) -> None:
    async with load_run(tmp_path) as run:
        assert run.stage.store is not None
        await run.sender.run(4.0, 2.0)
        watch, began = run.watches[0], time.monotonic()
        await run.stage.kill_store()
        away = await said_up(run, up=False)
        during = await watch.look()
        # Neither probe depends on the store: a pod without endpoints could not page in an emergency.
        assert (during.healthz, during.readyz) == (200, 200)
        sending = asyncio.create_task(run.sender.run(2.0, 2.0))
        await asyncio.sleep(max(0.0, 5.0 - (time.monotonic() - began)))
        still = await watch.look()
        assert still.store_up is False
        assert still.said["store"]["away_seconds"] > 2
        await run.stage.start_store()
        back = await said_up(run, up=True)
        after = await watch.look()
        assert (after.healthz, after.readyz, after.said["store"]["away_seconds"]) == (200, 200, 0)
        await sending
        await run.settle()
        say(f"away after {away:.2f} s, back after {back:.2f} s")
        assert away <= NOTICED
        assert back <= NOTICED
        # Hysteresis: the state changes to away once and back once.
        events = [record["event"] for record in watch.log() if record["event"] in ("store_failed", "store_recovered")]
        assert events == ["store_failed", "store_recovered"]
        assert not run.sender.waiting


async def test_a_store_that_stands_still_is_away_while_it_does(tmp_path: Path) -> None:
    async with load_run(tmp_path) as run:
        assert run.stage.store is not None
        await run.sender.run(4.0, 1.0)
        run.stage.store.signal(signal.SIGSTOP)
        sending = asyncio.create_task(run.sender.run(2.0, 4.0))
        away = await said_up(run, up=False)
        await sending
        run.stage.store.signal(signal.SIGCONT)
        back = await said_up(run, up=True)
        await run.settle()
        say(f"hung: away after {away:.2f} s, back after {back:.2f} s")
        assert back <= NOTICED
        events = [
            record["event"] for record in run.watches[0].log() if record["event"] in ("store_failed", "store_recovered")
        ]
        assert events == ["store_failed", "store_recovered"]
        assert not run.sender.waiting


async def test_a_store_comes_back_however_many_notifications_are_refused_meanwhile(tmp_path: Path) -> None:
    """Regression test: each refusal counted as a failure of the store, and with three a second it stayed away."""
    async with load_run(tmp_path) as run:
        assert run.stage.store is not None
        await run.sender.run(4.0, 1.0)
        run.stage.store.signal(signal.SIGSTOP)
        sending = asyncio.create_task(run.sender.run(30.0, 8.0))
        await said_up(run, up=False)
        run.stage.store.signal(signal.SIGCONT)
        back = await said_up(run, up=True)
        assert not sending.done(), "it was back under load"
        await sending
        await run.settle()
        say(f"back after {back:.2f} s, under 30 groups a second")
        assert back <= NOTICED
        assert not run.sender.waiting
