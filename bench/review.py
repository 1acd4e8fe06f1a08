"""The cost of a month's review by the number of incidents: CPU seconds, and peak memory.

`make bench` uses a fifth of the sizes; `python -m bench.review` the full ones, because generating 100,000 incidents
takes a minute.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import Plan, SeverityPlan, Step
from receiver.model.incident.review_record import review_record_fields
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity
from receiver.review.monthly_figures import MonthlyReview
from receiver.review.review_record import read_review_record
from receiver.review.review_settings import Budget, ReviewTargets, month_of
from receiver.store.client.connection import Connection
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.incidents.review_record_reader import ReviewRecordReader

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
SIZES = (10_000, 100_000)
MONTH = timedelta(days=30)
TERMS = ReviewTargets(
    budgets=(Budget("availability", 0.999, MONTH, ("SEV-1", "SEV-2")),), written=frozenset({"SEV-1", "SEV-2"})
)
_STEPS = tuple(Step(after=900.0 * n, page=("engineering-lead",)) for n in range(1, 4))
PLAN = Plan(severities={one: SeverityPlan(respond=900, page=("on-call",), steps=_STEPS) for one in Severity})


def made(number: int, of: int) -> Incident:
    """Return a closed incident of a month."""
    opened = BEGINS + MONTH * (number / of)
    severity = list(Severity)[number % 4]
    return Incident(
        uid=f"{number:024x}", id=f"INC-2026-{number:06}", key=f"{number:032x}", keys=(f"{number:032x}",), episode=0,
        title=f"HighErrorRate: errors above 5 % on service {number % 97}", severity=severity, state=State.CLOSED,
        service=f"service-{number % 97}", labels={"alertname": "HighErrorRate", "service": f"service-{number % 97}"},
        annotations={"summary": "errors " * 10, "runbook_url": "https://runbooks.example.com/errors"},
        decision=Decision(severity=severity, rule="high-error-rate", reasons=("error_rate is 7.3 %",), rules_hash="h"),
        plan=PLAN, opened_at=opened, started_at=opened - timedelta(seconds=30),
        first_acknowledged_at=opened + timedelta(seconds=200), acknowledged_at=opened + timedelta(seconds=200),
        resolved_at=opened + timedelta(seconds=2000 + number % 4000), closed_at=opened + timedelta(hours=2),
        pages=(Page(key=f"r/{number}", channel="pager", person=f"person-{number % 7}", contact="on-call", address="x",
                    step="opened", ring=1, at=opened),),
    )  # fmt: skip


async def fill(pasts: ReviewRecordReader, first: int, until: int, of: int) -> None:
    """Write incidents into the store like a commit."""
    for part in range(first, until, 500):
        rows = [made(number, of) for number in range(part, min(part + 500, until))]
        states = [(one, one.model_dump_json(exclude={"id", "version"})) for one in rows]
        async with pasts.connection.guarded() as client:
            pipe = client.pipeline(transaction=False)
            for one, state in states:
                kept = {"state": state, "id": one.id, "version": 9, "past": orjson.dumps(review_record_fields(one))}
                pipe.hset(pasts.keys.incident(one.uid), mapping=kept)
                pipe.zadd(pasts.keys.named("index"), {one.uid: one.opened_at.timestamp() * 1000})
            await pipe.execute()


async def reviewed(pasts: ReviewRecordReader) -> tuple[float, float, int]:
    """Return wall-clock seconds, CPU seconds of this process, and the number of incidents in the review."""
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    review = MonthlyReview(month_of("2026-11", "UTC"), TERMS, NOW)
    async for number, kept in pasts.since(round(review.since.timestamp() * 1000)):
        review.see(read_review_record(kept, number, TERMS))
    said = review.told()
    orjson.dumps(said)
    return time.perf_counter() - began, time.process_time() - cpu, said["total"]


async def main(sizes: Sequence[int] = SIZES) -> None:
    """Print a line for each size, and the growth from the smallest to the largest."""
    print(f"{'review of a month':26}{'seconds':>9}{'CPU here':>10}{'us each':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        embedded = EmbeddedStore(Path(folder))
        connection = Connection(embedded.start(), "bench", durability="memory")
        pasts, each = ReviewRecordReader(connection), []
        try:
            done = 0
            for size in sizes:
                await fill(pasts, done, size, sizes[-1])
                done = size
                took, cpu, seen = await reviewed(pasts)
                if seen != size:
                    raise SystemExit(f"{seen} of {size} were seen")
                each.append(cpu / size)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(f"{f'{size:,} incidents':26}{took:9.2f}{cpu:10.2f}{cpu / size * 1e6:9.1f}{peak:9.0f}")
            print(f"{'cost of one, most / fewest':26}{each[-1] / each[0]:9.2f}")
        finally:
            await connection.close()
            embedded.stop()


if __name__ == "__main__":
    os.environ.setdefault("RECEIVER_LOG_LEVEL", "error")
    sys.exit(asyncio.run(main()))
