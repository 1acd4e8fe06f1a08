"""A process whose event loop hangs ends itself, and the next start settles its work; a stopped one continues."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from receiver.pipeline.worker.hang_detector import COUNTED
from tests.faults.stage import Stage, stage
from tests.faults.waiting import say, until

LIMIT = 3.0


def server_of(made: Stage) -> int:
    """Return the process id of the embedded store's server, the service's only child."""
    pid = made.services[0].pid
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    (server,) = {int(child) for thread in threads for child in thread.read_text("ascii").split()}
    return server


async def test_what_a_hung_process_owed_is_stored_by_the_next(tmp_path: Path) -> None:
    block = tmp_path / "block"
    async with stage(tmp_path / "run", store=False, start=False) as made:
        service = made.services[0]
        service.env |= {"BLOCK_AT": str(block), "HANG_LIMIT": str(LIMIT)}
        await made.start()
        probe = made.sender.probe(severe=True)
        os.kill(server_of(made), signal.SIGSTOP)
        # Alertmanager asks once and is gone: nobody but this process knows of it.
        assert (await made.sender.post(probe))["status"] == 503
        block.touch()
        began = time.monotonic()
        assert await service.ended(60.0) == 70
        say(f"ended {time.monotonic() - began:.1f} s after the loop hung, with a limit of {LIMIT:g} s")
        owed = tmp_path / "run" / "data" / "owed-notifications.txt"
        assert len(owed.read_bytes().splitlines()) == 1
        log = service.log.read_text("utf-8")
        assert "owed_notifications_saved" in log
        assert "process_ended" in log
        block.unlink()
        await made.start()
        await made.paged(probe)
        assert len(await made.incidents()) == 1
        await until(lambda: not owed.exists(), "the file to be settled")


async def test_a_process_that_was_stopped_for_longer_than_the_limit_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", store=False, start=False) as made:
        service = made.services[0]
        service.env["HANG_LIMIT"] = str(LIMIT)
        await made.start()
        service.signal(signal.SIGSTOP)
        await asyncio.sleep(LIMIT * 2)
        service.signal(signal.SIGCONT)
        probe = made.sender.probe(severe=True)
        await made.sender.deliver(probe)
        await made.paged(probe)
        await asyncio.sleep(COUNTED)
        assert service.alive
        health = await made.get("/healthz")
        assert health["status"] == "ok"
        assert all(one == {"running": True, "restarts": 0} for one in health["tasks"].values())
