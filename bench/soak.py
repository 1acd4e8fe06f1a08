"""`python -m bench --soak`: three groups a second, opening and resolving, beside a busy loop on one core.

Every 30 s a line says what the replica and its store hold. At the end the trend after the warm-up (the first quarter)
is printed; the exit code is 1 when anything that must be flat has risen, or when a supervised task has ended. A run of
less than half an hour still fills pools and caches, and is not flat.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bench.pod import status
from bench.store_keys import StoreKeys, read_keys
from tests.load.run import FRESH, LoadRun, load_run
from tests.load.watch import ended_tasks

EACH = 30.0
"""Seconds between two samples."""
WARM_UP = 0.25
"""The part of the run in which caches fill: the mirror knows 2,000 incidents after eleven minutes."""
RESOLVE_AFTER = 20.0
"""Seconds that a group fires."""
RISE = {"rss_mib": 8.0, "fds": 5.0, "keys_each": 0.05, "used_kib_each": 1.0, "singles": 3.0}
"""How much each may rise between the end of the warm-up and the end of the run, by the line through the samples."""
EACH_KIND = "each:"
"""How the value of one kind of an incident's keys begins: each may rise as little as their sum."""
RISE_OF_WORK = 0.25
"""The same for what is open or owed, as a part of what there is, and never less than `NOISE`."""
NOISE = 20.0
BUSY = "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass"


@dataclass
class Sample:
    """The replica and its store at one moment."""

    at: float
    """Seconds since the run began."""
    values: dict[str, float]


def with_short_quiet(content: dict[str, Any]) -> None:
    """Let incidents be over soon after their alerts, so that few are open; a storm is what the reference says.

    Chat is off: Slack takes a message a second, fewer than there are incidents, and its lane would grow by right.
    """
    content["ingest"]["storm"] = {"incidents": 20, "within": "1m"}
    content["incidents"]["monitor_for"] = "2s"
    content["channels"]["chat"]["bot_token"] = ""


def descriptors(pid: int) -> int:
    """Return how many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def fewest_descriptors(pid: int, sending: asyncio.Task[None]) -> int:
    """Wait until the next sample is due, and return how few descriptors a process had meanwhile.

    Connections of senders come and go with each burst; what leaks is never closed.
    """
    fewest, end = descriptors(pid), time.monotonic() + EACH
    while time.monotonic() < end and not sending.done():
        await asyncio.wait({sending}, timeout=min(1.0, max(0.0, end - time.monotonic())))
        fewest = min(fewest, descriptors(pid))
    return fewest


async def look(run: LoadRun, client: Redis, began: float, fds: int) -> Sample:
    """Return a sample of the first replica and of the store."""
    service, watch = run.stage.services[0], run.watches[0]
    keys: StoreKeys = await read_keys(client, run.stage.namespace)
    ended = ended_tasks(await watch.metrics())
    probe = await watch.look()
    values: dict[str, float] = {
        "rss_mib": status(service.pid, "VmRSS"), "fds": fds, "keys": keys.total,
        "used_mib": keys.used / 2**20, "used_kib_each": keys.used / 1024 / max(1, keys.incidents),
        "incidents": keys.incidents, "keys_each": keys.each, "singles": keys.singles,
        "ended": sum(ended.values()), "beat_age": probe.beat_age if probe.beat_age is not None else float("inf"),
        **keys.flat, **{f"{EACH_KIND}{kind}": count for kind, count in keys.each_kind.items()},
    }  # fmt: skip
    return Sample(time.monotonic() - began, values)


def slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the line through the points, by least squares; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    x_mean, y_mean = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread else 0.0


def verdict(samples: list[Sample]) -> list[str]:
    """Print the trends, and return what is not flat, and what ended."""
    warm = [sample for sample in samples if sample.at >= WARM_UP * samples[-1].at]
    window = warm[-1].at - warm[0].at
    wrong = []
    history = ("keys", "used_mib", "incidents")
    for name in sorted({name for sample in warm for name in sample.values} - {"ended", "beat_age"}):
        points = [(sample.at, sample.values.get(name, 0.0)) for sample in warm]
        per_second, mean = slope(points), sum(y for _, y in points) / len(points)
        limit = RISE.get("keys_each" if name.startswith(EACH_KIND) else name, max(NOISE, RISE_OF_WORK * mean))
        rose = name not in history and per_second * window > limit
        said = "grows with history" if name in history else f"NOT FLAT: above {limit:.2f}" if rose else "flat"
        print(f"{name:24} mean {mean:12.2f}  {per_second * 3600:+12.2f} an hour  {said}")
        if rose:
            wrong.append(f"{name} rose by {per_second * window:.2f} in {window:.0f} s")
    if samples[-1].values["ended"]:
        wrong.append(f"{samples[-1].values['ended']:.0f} supervised tasks ended")
    stale = sum(sample.values["beat_age"] > FRESH for sample in samples)
    if stale:
        wrong.append(f"{stale} of {len(samples)} times the last beat of the work loop was older than {FRESH:g} s")
    return wrong


async def main(arguments: Namespace) -> int:
    """Run it, and return the exit code."""
    seconds = arguments.minutes * 60
    samples: list[Sample] = []
    shown = ("rss_mib", "fds", "keys", "used_mib", "incidents", "keys_each", "open", "due:timer", "ended", "beat_age")
    print(" ".join(f"{name:>10}" for name in ("second", *shown)), flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        async with load_run(Path(folder), change=with_short_quiet) as run:
            assert run.stage.store is not None
            client = Redis.from_url(run.stage.store.url)
            began = time.monotonic()
            sending = asyncio.create_task(run.sender.run(arguments.rate, seconds, resolve_after=RESOLVE_AFTER))
            try:
                while not sending.done():
                    fds = await fewest_descriptors(run.stage.services[0].pid, sending)
                    sample = await look(run, client, began, fds)
                    samples.append(sample)
                    cells = (sample.at, *(sample.values.get(name, 0.0) for name in shown))
                    print(" ".join(f"{cell:10.1f}" for cell in cells), flush=True)
                await sending
            finally:
                sending.cancel()
                await client.aclose()
            wrong = verdict(samples)
            report = await run.report()
    wrong += [breach for breach in report.breaches if not breach.startswith("something was owed")]
    print(report.text().partition("\n")[0])
    print("\n".join(wrong) if wrong else "flat, and no task ended")
    return 1 if wrong else 0


def run(arguments: Namespace) -> int:
    """Run it beside a busy loop on the first core, and return the exit code."""
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return asyncio.run(main(arguments))
    finally:
        busy.kill()
        busy.wait()
