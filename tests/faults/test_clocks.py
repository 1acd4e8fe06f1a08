"""Clocks that jump, and clocks that are wrong at first: no step is late, and none is repeated."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from redis import Redis

from tests.faults.faketime import FakeTime
from tests.faults.sender import ALICE, LEAD, Probe
from tests.faults.stage import Stage, stage
from tests.faults.waiting import say, until

STEP = 4.0
"""Seconds until the engineering lead is paged: the reference configuration has 15 min."""
HOUR, MONTH = 3600.0, 30 * 86400.0
LATE = 30.0


def quick_steps(content: dict[str, Any]) -> None:
    content["escalations"]["sev-2"]["steps"] = [{"after": f"{STEP:g}s", "page": ["engineering-lead"]}]


def rung(made: Stage, probe: Probe) -> Counter[str]:
    """Return how often each routing key was triggered for a probe."""
    return Counter(entry["body"]["routing_key"] for entry in made.triggers(probe))


def once_each(made: Stage, probe: Probe, killed: float = 0.0) -> None:
    """Raise AssertionError unless both people were rung once, under one key.

    A replica that was killed at `killed` may have died between the vendor's answer and its receipt: what had arrived by
    then may have been sent once more.
    """
    assert set(rung(made, probe)) == {ALICE, LEAD}
    for who, count in rung(made, probe).items():
        mine = [one for one in made.triggers(probe) if one["body"]["routing_key"] == who]
        assert len({one["body"]["dedup_key"] for one in mine}) == 1, mine
        assert count <= 1 + (mine[0]["at"] <= killed), mine


async def step_taken(made: Stage, probe: Probe, since: float, killed: float = 0.0) -> float:
    """Return the seconds from `since` until the lead was paged, once, as everybody else was, and nothing is owed."""
    await until(lambda: rung(made, probe)[LEAD] > 0, "the step", STEP + LATE + 5)
    # What the vendor has accepted is not yet written down: until then, a kill lets another replica send it once more.
    await until(lambda: made.owes(0), "the receipts of both pages")
    once_each(made, probe, killed)
    return next(one["at"] for one in made.triggers(probe) if one["body"]["routing_key"] == LEAD) - since


async def test_the_stores_clock_jumps_an_hour_back_and_ahead(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", start=False, services=2, change=quick_steps) as made:
        assert made.store is not None
        await made.kill_store()
        clock = FakeTime(tmp_path / "store-clock")
        made.store.env = clock.env
        await made.start_store()
        await asyncio.gather(made.start(0), made.start(1))
        probes = []
        for ahead in (-HOUR, HOUR):
            # Its first attempt fails, because retries of a page depend on the clock, too.
            await made.fakes.script("pagerduty", {"status": 503})
            probes.append(probe := made.sender.probe())
            began = time.time()
            await made.sender.deliver(probe)
            clock.set(ahead)
            took = await step_taken(made, probe, began)
            say(f"the store's clock is {ahead:+.0f} s from the machine's: the step after {took:.1f} s")
            assert STEP - 1 <= took <= STEP + LATE
        # A replica that starts now can read the time only from the store.
        await made.kill(0)
        probes.append(probe := made.sender.probe())
        began = time.time()
        await made.sender.deliver(probe, to=1)
        await made.kill(1)
        killed = time.time()
        await made.start(0)
        assert STEP - 1 <= await step_taken(made, probe, began, killed) <= STEP + LATE
        assert all(rung(made, one) == {ALICE: 1, LEAD: 1} for one in probes[:2]), "none was repeated"
        once_each(made, probe, killed)


def due_at(made: Stage) -> dict[str, float]:
    """Return when each of the service's own timers is due, in seconds from now."""
    assert made.store is not None
    with Redis.from_url(made.store.url, decode_responses=True) as client:
        rows: list[tuple[str, float]] = client.zrange("{receiver}:due:timer", 0, -1, withscores=True)
    return {member: score / 1000 - time.time() for member, score in rows if member.startswith("sys ")}


async def test_clocks_that_are_wrong_by_a_month_at_the_first_start_heal(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", start=False, change=quick_steps) as made:
        assert made.store is not None
        # The clock of the replica's machine is wrong, the store's is not.
        machine = FakeTime(tmp_path / "machine", MONTH)
        made.services[0].env |= machine.env
        await made.start()
        await until(lambda: len(due_at(made)) > 3, "its own timers")
        month = 32 * 86400.0
        assert all(due <= (month if "monthly" in member else 6 * HOUR + 60) for member, due in due_at(made).items())
        await made.kill()
        await made.kill_store()
        # Both are wrong; the clock is corrected while a page waits for its next step.
        made.store.env = machine.env
        await made.start_store()
        await made.start()
        probe = made.sender.probe()
        await made.sender.deliver(probe)
        await until(lambda: rung(made, probe)[ALICE] > 0, "the page")
        began = time.time()
        machine.set(0)
        took = await step_taken(made, probe, began)
        say(f"a clock that was a month ahead was corrected: the step after {took:.1f} s")
        assert took <= STEP + LATE
        assert all(due <= (month if "monthly" in member else 6 * HOUR + 60) for member, due in due_at(made).items())
