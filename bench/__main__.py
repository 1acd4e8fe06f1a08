"""`python -m bench`: the cost of a webhook compared with a handler that only reads it, in CPU first, as it is stable.

`--webhooks` prints only that table (bench/webhook_cost.py) and exits with 1 if a goal is missed. `--growth` measures
the service with many open incidents instead (bench/growth.py). Each round measures the variants one after another; a
line prints the median of the rounds' ratios and their span.

`--storm`, `--loop`, `--latency`, `--phones`, `--similar` and `--bytes` measure a storm, work that is due at once, the
delay of a page, a page to a phone with its answer, the search for similar incidents, and the size of an incident in the
store; they exit with 1 if a goal is missed. `--throttled` and `--soak` run long measurements of real replicas, and exit
with 1 if a guarantee is violated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    console,
    due_work,
    growth,
    incident_bytes,
    oncall,
    page_latency,
    phones,
    review,
    rules,
    similar,
    soak,
    storm,
    throttled,
    webhook_cost,
)

ROUNDS = 3
ALERTMANAGER = "alertmanager"


def show(name: str, pairs: list[tuple[float, float]]) -> None:
    """Print the median of the ratios and their span."""
    ratios = [mine / bare for mine, bare in pairs]
    print(f"{name:44} {statistics.median(ratios):6.2f}  [{min(ratios):.2f}-{max(ratios):.2f}]")


def plain(found: argparse.Namespace) -> int:
    """Run the benchmarks that take less than two minutes, store figures as JSON if requested; return the exit code."""
    rules.main()
    asyncio.run(review.main([size // 5 for size in review.SIZES]))
    print(f"{'10,000 look-ups of a year / 10,000 additions':44} median  [span of {ROUNDS} rounds]")
    show("who is on call, a weekly rotation", oncall.pairs(oncall.PLAIN, ROUNDS))
    show("who is on call, nights and weekends over it", oncall.pairs(oncall.LAYERED, ROUNDS))
    return webhooks(found)


def webhooks(found: argparse.Namespace) -> int:
    """Run the table of webhooks and return 1 if a goal was missed."""
    checkout, beside = checkout_of(found), found.peers == ALERTMANAGER
    rows = asyncio.run(webhook_cost.main(checkout, peers=beside, profile=found.profile))
    keep(found, {"rows": [vars(row) for row in rows]})
    missed = [row.name for row in rows if not row.met]
    print(f"missed: {', '.join(missed)}" if missed else "every goal met")
    return 1 if missed else 0


def keep(found: argparse.Namespace, figures: dict[str, object]) -> None:
    """Write the figures as JSON if requested, with the date and the measured commit."""
    if found.json:
        asked = ["git", "-C", str(checkout_of(found)), "rev-parse", "--short", "HEAD"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        head = {"date": datetime.now(UTC).date().isoformat(), "commit": said or None}
        found.json.write_text(json.dumps(head | figures, indent=1) + "\n")


def one(found: argparse.Namespace) -> int:
    """Run one of the measurements that return figures, and return 1 if a goal was missed."""
    cases = (
        (found.console, console), (found.phones, phones), (found.storm, storm), (found.latency, page_latency),
        (found.bytes, incident_bytes),
    )  # fmt: skip
    which = next((module for asked, module in cases if asked), due_work)
    figures = asyncio.run(which.main(checkout_of(found)))
    keep(found, dict(figures))
    print("every goal met" if which.met(figures) else "a goal was missed")
    return 0 if which.met(figures) else 1


def checkout_of(found: argparse.Namespace) -> Path:
    """Return the folder whose service is measured."""
    return found.checkout.absolute() if found.checkout else growth.HERE.parent


def peers(text: str) -> int | str:
    """Parse `--peers`. Raises ValueError."""
    if text.lower() == ALERTMANAGER:
        return ALERTMANAGER
    if text not in ("1", "2"):
        raise ValueError(text)
    return int(text)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--throttled", action="store_true", help="replicas with a share of a core")
    which.add_argument("--growth", action="store_true", help="with 100 and 10,000 open incidents")
    which.add_argument("--storm", action="store_true", help="5,000 groups in a minute from two Alertmanagers")
    which.add_argument("--loop", action="store_true", help="timers and deliveries that are due at once")
    which.add_argument("--latency", action="store_true", help="the delay of a page, and the cost of syncing")
    which.add_argument("--phones", action="store_true", help="a page to a phone and its answer, through ntfy")
    which.add_argument("--console", action="store_true", help="pages with a long history, and 1,000 listeners")
    which.add_argument("--similar", action="store_true", help="similar incidents among 100,000 past ones")
    which.add_argument("--bytes", action="store_true", help="the size of an incident in the store, open and finished")
    which.add_argument("--webhooks", action="store_true", help="only the table of webhook costs")
    which.add_argument("--soak", action="store_true", help="a steady load next to a busy loop")
    parser.add_argument("--minutes", type=float, help="of one throttled run (5), or of the soak (60)")
    parser.add_argument("--runs", type=int, default=1, help="of each throttled case")
    parser.add_argument("--share", type=float, help="only that share of a core, at --rate; 1: not throttled")
    parser.add_argument("--severe-each", type=int, default=20, help="one throttled group of so many is SEV-1")
    parser.add_argument(
        "--peers", type=peers, default=1,
        help="Alertmanagers that send each throttled group (1, 2); `alertmanager`: measure it next to the webhooks",
    )  # fmt: skip
    parser.add_argument("--profile", type=Path, help="write a flame graph of the service to this file (py-spy)")
    parser.add_argument("--period", type=float, default=0.1, help="seconds of one cycle of stopping and continuing")
    parser.add_argument("--replicas", type=int, default=1, choices=(1, 2), help="two replicas share a separate store")
    parser.add_argument("--rate", type=float, help="groups a second: of --share (12), of the soak (3)")
    parser.add_argument("--large", action="store_true", help="with --growth: with 100,000 as well")
    parser.add_argument("--checkout", type=Path, help="measure the service of this folder")
    parser.add_argument("--json", type=Path, help="also write the table of webhooks to this file")
    found = parser.parse_args()
    if found.minutes is None:
        found.minutes = 60.0 if found.soak else 5.0
    if found.rate is None:
        found.rate = 3.0 if found.soak else 12.0
    return found


if __name__ == "__main__":
    asked = arguments()
    if asked.growth:
        asyncio.run(growth.main(large=asked.large, checkout=checkout_of(asked)))
        sys.exit()
    if asked.throttled:
        sys.exit(throttled.run(asked))
    if asked.soak:
        sys.exit(soak.run(asked))
    if asked.similar:
        sys.exit(0 if similar.met(similar.main()) else 1)
    if asked.console or asked.storm or asked.loop or asked.phones or asked.latency or asked.bytes:
        sys.exit(one(asked))
    sys.exit(webhooks(asked) if asked.webhooks else plain(asked))
