"""A store that is too slow for a webhook: SEV-1 and SEV-2 are paged within 5 s all the same, and nothing stays open."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.faults.waiting import say, until
from tests.load.run import LoadRun, load_run

PAGED_WITHIN = 5.0
"""Seconds from the first arrival to the page (issue 17)."""
SECONDS, RATE = 5.0, 1.0
OVER = 12.0
"""Seconds after which each alert has ended."""


def first_pages(run: LoadRun) -> dict[str, float]:
    """Return when each alert name was paged first, in Unix time."""
    found: dict[str, float] = {}
    for entry in run.stage.fakes.entries():
        body: Any = entry.get("body")
        if entry["vendor"] == "pagerduty" and entry["taken"] and body["event_action"] == "trigger":
            name = str(body["payload"].get("class", ""))
            found[name] = min(entry["at"], found.get(name, entry["at"]))
    return found


def open_pages(run: LoadRun) -> list[str]:
    """Return the keys whose last event was a trigger or an acknowledgement."""
    last: dict[str, str] = {}
    for entry in run.stage.fakes.entries():
        if entry["vendor"] == "pagerduty" and entry["taken"]:
            last[entry["body"]["dedup_key"]] = entry["body"]["event_action"]
    return [key for key, action in last.items() if action != "resolve"]


def keys_of(run: LoadRun) -> dict[tuple[str, str], set[str]]:
    """Return the keys that were triggered, by alert name and person."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in run.stage.fakes.entries():
        body: Any = entry.get("body")
        if entry["vendor"] == "pagerduty" and entry["taken"] and body["event_action"] == "trigger":
            found[str(body["payload"].get("class", "")), body["routing_key"]].add(body["dedup_key"])
    return found


def quick(content: dict[str, Any]) -> None:
    """Let what has ended be over soon."""
    content["incidents"]["monitor_for"] = "3s"


async def alternate(run: LoadRun) -> None:
    """Let the store be fast and slow in turn."""
    assert run.slow is not None
    while True:
        run.slow.delay(0.1)
        await asyncio.sleep(0.7)
        run.slow.delay(1.0)
        await asyncio.sleep(1.3)


@pytest.mark.parametrize("delay", [0.6, 1.0, None], ids=["600", "1000", "alternating"])
async def test_every_page_is_out_within_five_seconds_once(tmp_path: Path, delay: float | None) -> None:
    async with load_run(tmp_path, slow=True, severe_each=2, change=quick) as run:
        assert run.slow is not None
        await run.sender.run(1.0, 1.0, resolve_after=OVER)
        changing = None
        if delay is not None:
            run.slow.delay(delay)
        else:
            changing = asyncio.create_task(alternate(run))
        await run.sender.run(RATE, SECONDS, resolve_after=OVER)
        with contextlib.suppress(AssertionError):
            await until(lambda: first_pages(run).keys() >= {one.name for one in run.sender.groups}, "the pages", 8.0)
        paged = first_pages(run)
        late = {one.name: round(paged.get(one.name, 1e12) - one.first_try, 2) for one in run.sender.groups}
        if changing is not None:
            changing.cancel()
        run.slow.delay(0.0)
        await until(lambda: all(one.ended for one in run.sender.groups), "the end of every alert", 40.0)
        await until(lambda: not open_pages(run), "every page to be resolved", 30.0)
        say(f"{delay or 'alternating'} s a command: paged after {sorted(late.values())}")
        assert max(late.values()) <= PAGED_WITHIN, late
        many = {who: keys for who, keys in keys_of(run).items() if len(keys) > 1}
        assert many == {}

        async def over() -> bool:
            return {one["state"] for one in await run.incidents()} <= {"resolved", "closed"}

        await until(over, "every incident to be over", 30.0)
