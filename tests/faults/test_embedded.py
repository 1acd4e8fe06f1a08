"""The embedded store ends with its service, starts with the next one, and is the only process on its files."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.faults.stage import QUICK, stage
from tests.faults.waiting import until

LEASE = "90s"
"""Far longer than a page takes on a busy machine."""


def servers_on(folder: Path) -> list[int]:
    """Return the processes that have a file of the store in `folder` open, excluding the service's lock."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                files = [os.readlink(link) for link in (entry / "fd").iterdir()]
            except OSError:
                continue
            if any(name.startswith(f"{folder}/store/") for name in files):
                found.append(int(entry.name))
    return found


async def test_a_new_start_takes_the_data_over(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", store=False, start=False, redis={**QUICK, "lease": LEASE}) as made:
        data = made.folder / "data"
        await made.start(kill_at="after_commit:1")
        probe = made.sender.probe()
        assert (await made.sender.post(probe))["status"] is None
        assert await made.services[0].ended() == -signal.SIGKILL
        made.note("service 0", up=False)
        await made.start()
        assert len(servers_on(data)) == 1
        # Nobody else can hold the lease of the one that died: the page need not wait for its end.
        assert await made.paged(probe) < 30.0
        [incident] = await made.incidents()
        assert (await made.sender.deliver(probe))["said"] == {
            "incident": incident["id"], "severity": "SEV-2", "outcome": "duplicate", "reason": "duplicate",
        }  # fmt: skip
        await made.kill()
        await made.start()
        assert [one["id"] for one in await made.incidents()] == [incident["id"]]
        assert len(servers_on(data)) == 1
        await made.sender.deliver(probe, firing=False)
        await made.settled()
        made.services[0].signal(signal.SIGTERM)
        assert await made.services[0].ended() == 0
        assert servers_on(data) == []


async def test_a_store_that_is_killed_alone_is_started_again(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", store=False) as made:
        data = made.folder / "data"
        first = made.sender.probe()
        await made.sender.deliver(first)
        await made.paged(first)
        [server] = servers_on(data)
        made.note("store", up=False)
        os.kill(server, signal.SIGKILL)
        second = made.sender.probe(severe=True)
        await asyncio.gather(made.sender.deliver(second), made.sender.deliver(first, firing=False))
        made.note("store", up=True)
        await until(lambda: len(servers_on(data)) == 1, "one store again")
        assert servers_on(data) != [server]
        await made.paged(second)
        await made.sender.deliver(second, firing=False)
        await made.settled()
        assert len(await made.incidents()) == 2
