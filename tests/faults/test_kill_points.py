"""kill -9 at each named moment of a page's life: at its trigger, at its resolve, at its end."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.faults.kill_points import POINTS
from tests.faults.oracle import Verdict
from tests.faults.programs import Fakes, Valkey
from tests.faults.stage import Stage, vendors_and_store
from tests.faults.waiting import say, until

SWEEP = {
    "before_commit": 3,  # opened, all ended, resolved
    "after_commit": 3,
    "before_answer": 2,  # firing, resolved
    "during_send": 2,  # trigger, resolve
    "after_vendor_answer": 2,
    "before_recorded": 3,  # and that nothing is due once the incident is resolved
    "after_recorded": 3,
    "timer_claimed": 1,
    "before_step": 1,  # resolved, when no alert has fired for long enough
    "after_step": 1,
    "at_claim": 2,
}
"""How often each moment occurs in the life of one incident with one page: each time is one run."""
OF_A_TIMER = ("timer_claimed", "before_step", "after_step")
"""Moments that occur only after the alert has ended."""
AT_ONCE = 4
"""Number of parallel runs: most of a run is waiting for a lease."""


async def run(folder: Path, store: Valkey, fakes: Fakes, point: str, nth: int, taken: bool = True) -> Verdict:
    """Let one alert fire and end while its service dies at the named moment and is started again."""
    made = Stage(folder, store, fakes, namespace=folder.name)
    try:
        await made.open(start=False)
        await _misbehave(fakes, point, nth, taken)
        await made.start(kill_at=f"{point}:{nth}")
        deaths: list[int] = []

        async def watch() -> None:
            deaths.append(await made.services[0].ended(120))
            made.note("service 0", up=False)
            await made.start()

        watching = asyncio.create_task(watch())
        probe = made.sender.probe()
        await made.sender.deliver(probe)
        await made.paged(probe)
        if nth == 1 and point not in OF_A_TIMER:
            await until(watching.done, f"{point}:{nth} to be reached")
            await until(lambda: made.owes(0), "what the dead one owed")
        await made.sender.deliver(probe, firing=False)
        await asyncio.wait_for(watching, 120)
        assert deaths == [-signal.SIGKILL], f"it was to die at {point}:{nth}"
        await until(made.resolved, "the incident to be resolved", 60)
        verdict = await made.settled()
        assert made.unended() == [], "pages of a log that neither ended nor are due"
        return verdict
    finally:
        await made.end()


async def _misbehave(fakes: Fakes, point: str, nth: int, taken: bool) -> None:
    ok = {"status": 202, "taken": True}
    if point == "during_send":
        # The vendor has the request, accepted or not, and its response never arrives.
        await fakes.script("pagerduty", *[ok] * (nth - 1), {"status": 202, "taken": taken, "hang": True})
    elif point == "at_claim":
        # A request that the vendor refuses temporarily is claimed again.
        await fakes.script("pagerduty", *[{"status": 503}, ok] * nth)


async def test_nothing_is_lost_at_any_kill_point(tmp_path: Path, rounds: int) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    results: dict[str, Verdict | BaseException] = {}

    async def one(point: str, nth: int, again: int, taken: bool) -> None:
        name = f"{point}-{nth}-{again}-{int(taken)}"
        async with slots, vendors_and_store(tmp_path / f"v-{name}", store=False) as (_, fakes):
            try:
                results[name] = await run(tmp_path / name, store, fakes, point, nth, taken)
            except Exception as error:
                results[name] = error

    async with vendors_and_store(tmp_path / "shared") as (valkey, _):
        assert valkey is not None
        store = valkey
        await asyncio.gather(*(
            one(point, nth + 1, again, taken)
            for again in range(1 + rounds // 50)
            for point, times in SWEEP.items()
            for nth in range(times)
            for taken in ((True, False) if point == "during_send" else (True,))
        ))  # fmt: skip
    bad = {name: f"{type(r).__name__}: {r}" for name, r in results.items() if isinstance(r, BaseException)}
    assert bad == {}
    pages = [r for r in results.values() if isinstance(r, Verdict)]
    repeated, slowest = sum(r.repeated for r in pages), max(r.slowest for r in pages)
    say(f"{len(pages)} kills at named moments, {repeated} pages sent again, slowest {slowest:.1f} s")
    # A kill before the vendor gets the request repeats nothing; one after that, before the receipt, repeats it once.
    assert results["before_commit-1-0-1"].repeated == 0  # type: ignore[union-attr]
    assert results["after_vendor_answer-1-0-1"].repeated == 1  # type: ignore[union-attr]


def test_every_named_moment_is_in_the_sweep() -> None:
    assert set(SWEEP) == set(POINTS)
