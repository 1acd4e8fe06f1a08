"""`python -m bench --soak`: three groups per second open and resolve, next to a busy loop on one core.

Every 30 s a line shows the resources of the replica and its store. At the end the trends are printed: after the warm-up
(the first quarter), and in the second half alone, which distinguishes a curve that flattens from one that keeps rising.
The exit code is 1 if a value that must be flat has risen, or if a supervised task has ended. A run of less than half an
hour still fills pools and caches, and is not flat.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from bench.descriptors import KINDS, MOST_TO_STORE, descriptors, held_by_peers
from bench.pod import seconds, status
from bench.store_keys import StoreKeys, read_keys
from tests.faults.programs import Service
from tests.load.replica_recorder import ended_tasks
from tests.load.run import FRESH, LoadRun, load_run

EACH = 30.0
"""Seconds between two samples."""
WARM_UP = 0.25
"""The fraction of the run in which caches fill: the cache has 2,000 incidents after eleven minutes."""
RESOLVE_AFTER = 20.0
"""Seconds for which a group fires."""
RISE = {
    "rss_mib": 8.0, "fds": 5.0, "fds_out": 5.0, "fds_other": 5.0, "fds_left": 5.0, "keys_each": 0.05,
    "used_kib_each": 1.0, "singles": 3.0,
}  # fmt: skip
"""Maximum rise of each value between the end of the warm-up and the end of the run, by a line through the samples."""
EACH_KIND = "each:"
"""Prefix of the values for each kind of an incident's keys: each may rise as little as their sum."""
RISE_OF_WORK = 0.25
"""The same for open incidents and due work, as a fraction of their number, and never less than `NOISE`."""
NOISE = 20.0
NOT_JUDGED = ("keys", "used_mib", "incidents", "fds_in", "fds_store", "load", "cpu", "lag_ms")
"""Values that grow with history, the machine's load, and the kinds of descriptors that are evaluated by their sum."""
READING = 180.0
"""Maximum seconds for reading every incident of an hour at the end, next to the busy loop."""
BUSY = "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass"


@dataclass
class Sample:
    """The replica and its store at one moment."""

    at: float
    """Seconds since the start of the run."""
    values: dict[str, float]
    kinds: frozenset[str] = frozenset()
    """The kinds of the store's single keys."""


def with_short_quiet(content: dict[str, Any]) -> None:
    """Resolve incidents soon after their alerts, so that few are open; a storm is as in the reference.

    Chat is off: Slack accepts one message per second, fewer than there are incidents, so its lane would grow.
    """
    content["ingest"]["storm"] = {"incidents": 20, "within": "1m"}
    content["incidents"]["monitor_for"] = "2s"
    content["channels"]["chat"]["bot_token"] = ""


async def fewest_descriptors(service: Service, sending: asyncio.Task[None]) -> dict[str, float]:
    """Wait until the next sample is due, and return the minimum number of descriptors of each kind meanwhile.

    Connections of senders open and close with each burst; leaked ones are never closed. `left`: connections that the
    service holds and no peer has anymore.
    """
    port = int(service.url.rpartition(":")[2])

    def now() -> Counter[str]:
        found = descriptors(service.pid, port)
        found["left"] = max(0, found["in"] - held_by_peers(service.pid, port))
        return found

    fewest, end = now(), time.monotonic() + EACH
    while time.monotonic() < end and not sending.done():
        await asyncio.wait({sending}, timeout=min(1.0, max(0.0, end - time.monotonic())))
        found = now()
        fewest = Counter({kind: min(fewest[kind], found[kind]) for kind in (*KINDS, "left")})
    return {"fds": sum(fewest[kind] for kind in KINDS)} | {f"fds_{kind}": float(fewest[kind]) for kind in fewest}


async def look(run: LoadRun, client: Redis, began: float, fds: dict[str, float]) -> Sample:
    """Return a sample of the first replica and of the store.

    `lag_ms`: the longest response time of `/healthz` since the last sample, which includes waiting for the event loop.
    """
    service, watch = run.stage.services[0], run.watches[0]
    keys: StoreKeys = await read_keys(client, run.stage.namespace)
    ended: dict[str, float] = {}
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # a busy replica may be late; the counter stays
        ended = ended_tasks(await watch.metrics())
    probe = await watch.look()
    last = time.time() - EACH
    values: dict[str, float] = {
        "rss_mib": status(service.pid, "VmRSS"), **fds, "keys": keys.total,
        "used_mib": keys.used / 2**20, "used_kib_each": keys.used / 1024 / max(1, keys.incidents),
        "incidents": keys.incidents, "keys_each": keys.each, "singles": keys.singles,
        "ended": sum(ended.values()), "beat_age": probe.beat_age if probe.beat_age is not None else float("inf"),
        "cpu": seconds(service.pid), "load": os.getloadavg()[0],
        "lag_ms": 1000 * max(one.took for one in watch.samples if one is probe or one.at >= last),
        **keys.flat, **{f"{EACH_KIND}{kind}": count for kind, count in keys.each_kind.items()},
    }  # fmt: skip
    return Sample(time.monotonic() - began, values, keys.single_kinds)


def slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the line through the points, by least squares; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    x_mean, y_mean = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread else 0.0


def verdict(samples: list[Sample]) -> list[str]:
    """Print the trends, and return the values that are not flat and the tasks that ended."""
    warm = [sample for sample in samples if sample.at >= WARM_UP * samples[-1].at]
    window = warm[-1].at - warm[0].at
    half = [sample for sample in samples if sample.at >= samples[-1].at / 2]
    wrong = []
    for name in sorted({name for sample in warm for name in sample.values} - {"ended", "beat_age"}):
        points = [(sample.at, sample.values.get(name, 0.0)) for sample in warm]
        per_second, mean = slope(points), sum(y for _, y in points) / len(points)
        limit = RISE.get("keys_each" if name.startswith(EACH_KIND) else name, max(NOISE, RISE_OF_WORK * mean))
        late = slope([(sample.at, sample.values.get(name, 0.0)) for sample in half])
        rose = name not in NOT_JUDGED and per_second * window > limit
        said = "not judged" if name in NOT_JUDGED else f"NOT FLAT: above {limit:.2f}" if rose else "flat"
        trends = f"{per_second * 3600:+12.2f} an hour, {late * 3600:+12.2f} in the second half"
        print(f"{name:24} mean {mean:12.2f}  {trends}  {said}")
        if rose:
            wrong.append(f"{name} rose by {per_second * window:.2f} in {window:.0f} s")
    most = max(sample.values.get("fds_store", 0.0) for sample in samples)
    if most > MOST_TO_STORE:
        wrong.append(f"{most:.0f} connections to the store, of {MOST_TO_STORE} at most")
    print("single keys that were not there before:", ", ".join(sorted(samples[-1].kinds - warm[0].kinds)) or "none")
    ended = max(sample.values["ended"] for sample in samples)
    if ended:
        wrong.append(f"{ended:.0f} supervised tasks ended")
    stale = sum(sample.values["beat_age"] > FRESH for sample in samples)
    if stale:
        wrong.append(f"{stale} of {len(samples)} times the last beat of the work loop was older than {FRESH:g} s")
    return wrong


async def main(arguments: Namespace) -> int:
    """Run it, and return the exit code."""
    seconds = arguments.minutes * 60
    samples: list[Sample] = []
    shown = (
        "rss_mib", "fds", *(f"fds_{kind}" for kind in (*KINDS, "left")), "keys", "used_mib", "incidents", "keys_each",
        "singles", "open", "due:timer", "ended", "beat_age", "lag_ms", "cpu", "load",
    )  # fmt: skip
    print(" ".join(f"{name:>10}" for name in ("second", *shown)), flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        async with load_run(Path(folder), change=with_short_quiet) as run:
            assert run.stage.store is not None
            run.reading = READING
            client = Redis.from_url(run.stage.store.url)
            began = time.monotonic()
            sending = asyncio.create_task(run.sender.run(arguments.rate, seconds, resolve_after=RESOLVE_AFTER))
            try:
                while not sending.done():
                    fds = await fewest_descriptors(run.stage.services[0], sending)
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
    """Run it next to a busy loop on the first core, and return the exit code."""
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return asyncio.run(main(arguments))
    finally:
        busy.kill()
        busy.wait()
