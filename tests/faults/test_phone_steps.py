"""A replica is killed between two steps of a personal rule: the other one pages, once, at most 15 s late."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.ntfy import TOKEN
from tests.faults.programs import Program
from tests.faults.stage import stage
from tests.faults.waiting import say, until

TOPICS = {"push": "alice-7f3k9qxw2m4d", "spare": "alice-spare-p8v2c6n1q"}
STEP = 6.0
LATE = 15.0
"""Seconds: a lease and a poll."""


async def heard(server: str) -> list[tuple[float, str]]:
    """Return when each page reached a phone and through which channel, in order."""
    names = {topic: name for name, topic in TOPICS.items()}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{server}/{','.join(TOPICS.values())}/json?poll=1&since=all"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        told = [json.loads(line) for line in (await answer.text()).splitlines()]
    return [(one["time"], names[one["topic"]]) for one in told if one["event"] == "message"]


async def test_a_replica_killed_between_two_steps(tmp_path: Path) -> None:
    port = tmp_path / "port"
    ntfy = Program([sys.executable, "-m", "tests.fakes.ntfy", "--port-file", str(port)], tmp_path / "ntfy.log")
    ntfy.spawn()
    await until(port.exists, "a port")
    server = f"http://127.0.0.1:{port.read_text('ascii')}"

    def change(content: dict[str, Any]) -> None:
        content["channels"] |= {name: {"kind": "ntfy", "url": server, "token": TOKEN} for name in TOPICS}
        steps = [{"after": "0s", "by": "push"}, {"after": f"{STEP:g}s", "by": "spare"}]
        content["people"]["alice"] = {"name": "Alice", **TOPICS, "page_by": steps}

    try:
        async with stage(tmp_path / "run", services=2, change=change, redis={}) as made:
            probe = made.sender.probe()
            await made.sender.deliver(probe, to=0)

            async def pages(count: int) -> bool:
                return len(await heard(server)) >= count

            await until(lambda: pages(1), "the first step")
            due = time.time() + STEP
            # Until its receipt is stored, a kill lets the other replica send it once more.
            await until(lambda: made.owes(0, "push"), "the receipt of the first step")
            await made.kill(0)
            await until(lambda: pages(2), "the second step", STEP + LATE + 5)
            found = await heard(server)
            assert [by for _, by in found] == ["push", "spare"]
            late = found[-1][0] - due
            say(f"the second step was {late:.1f} s late")
            assert late <= LATE
            await made.sender.deliver(probe, firing=False, to=1)

            async def over() -> bool:
                left = await made.owed("push") + await made.owed("spare")
                return [one["state"] for one in await made.incidents(1)] == ["resolved"] and left == 0

            await until(over, "nothing owed")
            assert [by for _, by in await heard(server)] == ["push", "spare"], "nothing twice"
    finally:
        ntfy.end()
