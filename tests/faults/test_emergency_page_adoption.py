"""Groups that were paged without the store become incidents while the replica serves other requests.

There are 500 of them; ADOPTIONS=2000 uses as many as a replica keeps, within the same minute.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import aiohttp
import pytest

from tests.faults.sender import Probe, Sender
from tests.faults.stage import Stage, stage
from tests.faults.waiting import say, until

pytestmark = pytest.mark.alone

PAGES = int(os.environ.get("ADOPTIONS", "500"))
ADOPTED_WITHIN = 60.0
ANSWER_LIMIT = 2.0
SENDING = 16
"""Number of concurrent notifications."""
OPEN = "{receiver}:open"


async def send_all(sender: Sender, probes: list[Probe]) -> None:
    """Post each probe once."""
    waiting = iter(probes)

    async def send() -> None:
        for probe in waiting:
            await sender.post(probe)

    await asyncio.gather(*(send() for _ in range(SENDING)))


class Health:
    """Requests `/healthz` repeatedly."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[tuple[int, float]] = []
        """Status, and seconds until the response."""

    async def watch(self) -> None:
        """Send four requests per second until canceled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while True:
                began = time.monotonic()
                async with session.get(f"{self.url}/healthz") as answer:
                    self.answers.append((answer.status, time.monotonic() - began))
                await asyncio.sleep(0.25)


async def test_emergency_pages_are_adopted_beside_everything_else(tmp_path: Path) -> None:
    async with stage(tmp_path / "run") as made:
        await adopted(made, await paged_without_the_store(made))


async def paged_without_the_store(made: Stage) -> list[Probe]:
    """Kill the store, let the replica page groups without it, and return them."""
    await made.kill_store()
    probes = [made.sender.probe() for _ in range(PAGES)]
    began = time.monotonic()
    await send_all(made.sender, probes)
    refused = time.monotonic() - began
    await until(lambda: sum(len(made.triggers(one)) for one in probes) >= PAGES, "every page", 60)
    say(f"{PAGES} notifications refused in {refused:.1f} s, all paged {time.monotonic() - began:.1f} s after the first")
    return probes


async def adopted(made: Stage, probes: list[Probe]) -> None:
    """Start the store: every page becomes an incident in time, without an effect on other requests."""
    health = Health(made.services[0].url)
    watch = asyncio.create_task(health.watch())
    await made.start_store()
    back, spent = time.monotonic(), cpu(made.services[0].pid)
    answers: list[float] = []
    try:
        await until(lambda: incidents(made) > 0, "the first of them", 10)
        first = time.monotonic() - back
        while incidents(made) < PAGES + len(answers) // 2 and time.monotonic() - back < ADOPTED_WITHIN:
            # A new group, and one that was paged, whose own commit adopts the page.
            for probe in (made.sender.probe(), probes.pop()):
                entry = await made.sender.post(probe)
                assert entry["status"] == 200, entry
                answers.append(entry["answered"] - entry["at"])
            await asyncio.sleep(0.3)
        took = time.monotonic() - back
    finally:
        watch.cancel()
    slowest = max(seconds for _, seconds in health.answers)
    spent = cpu(made.services[0].pid) - spent
    say(f"store back: first adopted after {first:.1f} s, all {PAGES} after {took:.1f} s, {spent:.1f} s of CPU")
    say(f"meanwhile {len(answers)} webhooks, the slowest {max(answers):.2f} s")
    say(f"healthz {len(health.answers)} times, the slowest {slowest:.2f} s")
    assert incidents(made) == PAGES + len(answers) // 2
    assert {status for status, _ in health.answers} == {200}
    assert took <= ADOPTED_WITHIN
    assert max(answers) <= ANSWER_LIMIT


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def incidents(made: Stage) -> int:
    """Return the number of incidents in the store."""
    assert made.store is not None
    return int(made.store.ask("ZCARD", OPEN).strip(b":\r\n") or 0)
