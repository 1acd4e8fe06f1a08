"""`python -m bench --throttled`: whether a replica with a share of a core keeps its guarantees, in the long form.

One row of a Markdown table per run; tests/load/test_throttled_replica.py is the short form, with the same harness.
The exit code is 1 if any run violated a guarantee; the violations are listed below the table.
"""

from __future__ import annotations

import asyncio
import tempfile
from argparse import Namespace
from pathlib import Path

from tests.load.run import Report, load_run

CASES = ((0.5, 12.0), (0.25, 12.0), (0.1, 4.0))
"""Share of a core, and new groups per second."""
COLUMNS = (
    "groups", "attempts", "refused", "accept_p99", "taken_p99", "pages", "sev1_page_p50", "sev1_page_p99",
    "beat_age_max", "caught_up",
)  # fmt: skip


async def one(share: float, rate: float, arguments: Namespace) -> Report:
    """Return the report of one run."""
    with tempfile.TemporaryDirectory(prefix="throttled-") as folder:
        async with load_run(
            Path(folder), arguments.replicas, embedded=arguments.replicas == 1, severe_each=arguments.severe_each,
            peers=arguments.peers,
        ) as run:  # fmt: skip
            await run.throttled(share, rate, arguments.minutes * 60, period=arguments.period)
            return await run.report()


def row(share: float, rate: float, turn: int, report: Report) -> str:
    """Return a line of the table."""
    cells = [f"{share:.0%}", f"{rate:g}/s", str(turn), *(str(report.figures[name]) for name in COLUMNS)]
    return f"| {' | '.join([*cells, str(len(report.breaches))])} |"


async def main(arguments: Namespace) -> int:
    """Run every case as often as requested, and return the exit code."""
    head = ["CPU", "rate", "run", *COLUMNS, "breaches"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    breaches: list[str] = []
    cases = CASES if arguments.share is None else ((arguments.share, arguments.rate),)
    for share, rate in cases:
        for turn in range(1, arguments.runs + 1):
            report = await one(share, rate, arguments)
            print(row(share, rate, turn, report), flush=True)
            breaches += [f"{share:.0%} {rate:g}/s run {turn}: {breach}" for breach in report.breaches]
    print("\n".join(["", *breaches]) if breaches else "\nno breach")
    return 1 if breaches else 0


def run(arguments: Namespace) -> int:
    """Run it, and return the exit code."""
    return asyncio.run(main(arguments))
