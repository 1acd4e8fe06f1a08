"""A real store that lost data (its last second cut off, an older file restored, or emptied) is restored."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

from tests.faults.sender import ALICE, LEAD, Probe
from tests.faults.stage import Stage, stage
from tests.faults.waiting import say, until

STEP = 20.0
"""Seconds until the engineering lead is paged: the first two are answered or over before that on a busy machine too."""


def quick_steps(content: dict[str, Any]) -> None:
    content["escalations"]["sev-2"]["steps"] = [{"after": f"{STEP:g}s", "page": ["engineering-lead"]}]


def log_of(made: Stage) -> Path:
    """Return the store's append-only file."""
    assert made.store is not None
    (found,) = made.store.socket.parent.glob("appendonlydir/*.incr.aof")
    return found


def rung(made: Stage, probe: Probe) -> list[str]:
    return [entry["body"]["routing_key"] for entry in made.triggers(probe)]


def told(made: Stage) -> list[str]:
    """Return the messages about lost data."""
    made.triggers(Probe(0, False, None))  # type: ignore[arg-type]
    texts = [str(entry["body"].get("text", "")) for entry in made.fakes.entries() if isinstance(entry["body"], dict)]
    return [text for text in texts if "lost data" in text]


async def states(made: Stage) -> dict[str, str]:
    return {one["id"]: one["state"] for one in await made.incidents()}


async def are(made: Stage, **wanted: str) -> None:
    """Return once the incidents are in these states."""

    seen: list[object] = []

    async def there() -> bool:
        try:
            found = await states(made)
        except (AssertionError, OSError) as error:
            seen.append(error)
            return False
        seen.append(found)
        return {name[-4:]: state for name, state in found.items()} == {n[1:]: state for n, state in wanted.items()}

    try:
        await until(there, f"incidents {wanted}")
    except AssertionError as error:
        raise AssertionError(f"{error}; last seen: {seen[-1]!r}") from None


async def test_replicas_make_good_what_the_store_has_forgotten(tmp_path: Path) -> None:
    async with stage(tmp_path / "run", services=2, change=quick_steps) as made:
        assert made.store is not None
        first, second = made.sender.probe(), made.sender.probe()
        for probe in (first, second):
            await made.sender.deliver(probe)
            await made.paged(probe)
        # A copy that lacks the receipt of a page owes that page once more.
        await until(lambda: made.owes(0), "the receipts of the pages")
        began = time.monotonic()
        backup = shutil.copytree(log_of(made).parent, tmp_path / "backup")
        before = log_of(made).stat().st_size
        (id_of_first, *_) = sorted(await states(made))
        await made.post(f"/api/v1/incidents/{id_of_first}/acknowledge", {})
        # The last second is cut off: most of the acknowledgement's write is gone.
        await made.kill_store()
        with log_of(made).open("r+b") as file:
            file.truncate(before + 20)
        await made.start_store()
        await are(made, _0001="acknowledged", _0002="open")
        # An older file is restored: the second incident is over, and every step in the file is overdue.
        await made.sender.deliver(second, firing=False)
        await are(made, _0001="acknowledged", _0002="resolved")
        await asyncio.sleep(max(0.0, STEP + 1 - (time.monotonic() - began)))
        await made.kill_store()
        shutil.rmtree(log_of(made).parent)
        shutil.copytree(backup, made.store.socket.parent / "appendonlydir")
        await made.start_store()
        await are(made, _0001="acknowledged", _0002="resolved")
        # Emptied: a replica that receives an alert meanwhile uses no number again.
        assert made.store.ask("FLUSHALL", "SYNC").startswith(b"+OK")
        third = made.sender.probe()
        await made.sender.deliver(third)
        await made.paged(third)
        await are(made, _0001="acknowledged", _0002="resolved", _0003="open")
        await until(lambda: LEAD in rung(made, third), "steps go on", STEP + 25)
        assert rung(made, first) == rung(made, second) == [ALICE]
        # Pending messages about the time before may have been lost, too.
        await until(lambda: len(told(made)) > 0, "the loss is reported")
        say(f"said: {told(made)}")
        assert len(told(made)) <= 3, "once each time"
