"""The store hangs or is down: 503 in time, the page is still sent, and everything is stored afterward."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

from tests.faults.stage import Stage, stage
from tests.faults.waiting import say

ANSWER_LIMIT = 2.0
EMERGENCY_LIMIT = 6.0
HANG = 5.0


class Machine:
    """How long a process that is not under test takes to answer: what a busy machine adds to every answer."""

    def __init__(self, made: Stage) -> None:
        self.slowest = 0.0
        self._made = made
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await self._made.fakes.script("hook")
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.05)

    async def ended(self) -> float:
        """End the watch, and return the slowest seconds."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        say(f"the vendors took {self.slowest:.2f} s at most for an answer that waits for nothing")
        return self.slowest


def refused_in_time(entries: list[dict[str, Any]], machine: float) -> None:
    """Check that everything that was not taken was told so within two seconds, and what the machine adds."""
    refused = [entry for entry in entries if entry["status"] != 200]
    assert refused
    assert {entry["status"] for entry in refused} == {503}
    slowest = max(entry["answered"] - entry["at"] for entry in refused)
    say(f"the store is away: {len(refused)} times 503, the slowest after {slowest:.2f} s")
    assert slowest <= ANSWER_LIMIT + machine


async def kinds(made: Stage, incident: str) -> list[str]:
    """Return the kinds of an incident's events."""
    return [event["kind"] for event in (await made.get(f"/api/v1/incidents/{incident}/timeline"))["items"]]


async def test_a_store_that_hangs_is_away_and_loses_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", services=2) as made:
        assert made.store is not None
        before = made.sender.probe()
        await made.sender.deliver(before)
        await made.paged(before)
        made.store.signal(signal.SIGSTOP)
        made.note("store", up=False)
        stopped, machine = time.monotonic(), Machine(made)
        after = [made.sender.probe(severe=True), made.sender.probe()]
        sending = asyncio.gather(
            *(made.sender.deliver(probe) for probe in after),
            made.sender.deliver(before, firing=False),
            made.sender.deliver(before, peer=1, firing=False),
        )
        await asyncio.sleep(HANG - (time.monotonic() - stopped))
        during = list(made.sender.entries[1:])
        added = await machine.ended()
        made.store.signal(signal.SIGCONT)
        made.note("store", up=True)
        refused_in_time(during, added)
        taken = await sending
        assert all(entry["status"] == 200 for entry in taken)
        for probe in after:
            await made.paged(probe)
            await made.sender.deliver(probe, firing=False)
        await made.settled()
        assert len(await made.incidents()) == 3


async def test_a_page_goes_out_without_the_store_and_its_incident_is_made_good(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", services=2) as made:
        await made.kill_store()
        probe, mild = made.sender.probe(severe=True), made.sender.probe()
        began, machine = time.time(), Machine(made)
        sending = asyncio.gather(made.sender.deliver(probe), made.sender.deliver(mild))
        for one in (probe, mild):
            await made.paged(one)
            rung = [entry["at"] - began for entry in made.triggers(one)]
            say(f"paged without the store after {', '.join(f'{seconds:.1f} s' for seconds in sorted(rung))}")
            assert sorted(rung)[len(one.pages) - 1] <= EMERGENCY_LIMIT + machine.slowest
        assert not sending.done()
        refused_in_time(list(made.sender.entries), await machine.ended())
        await made.start_store()
        taken = await sending
        incidents = await made.incidents()
        assert {entry["said"]["incident"] for entry in taken} == {incident["id"] for incident in incidents}
        assert len(incidents) == 2
        for incident in incidents:
            # The last replica may have stored it as usual, under the same page keys.
            assert {"emergency_paged", "page"} & set(await kinds(made, incident["id"]))
        for one in (probe, mild):
            await made.sender.deliver(one, firing=False)
        found = await made.settled()
        assert found.pages == 3


async def test_a_replica_that_paged_without_the_store_may_die_before_it_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path / "run") as made:
        await made.kill_store()
        probe = made.sender.probe(severe=True)
        sending = asyncio.create_task(made.sender.deliver(probe))
        await made.paged(probe)
        await made.kill()
        await made.start_store()
        await made.start()
        await sending
        await made.sender.deliver(probe, firing=False)
        found = await made.settled()
        assert found.pages == len(probe.pages)
        assert len(await made.incidents()) == 1
