"""Runs the fakes in a separate process, which keeps running when a test kills the service.

`python -m tests.fakes --ledger FILE --port-file FILE [--port N] [--hook-secret S] [--rate-limits]` serves PagerDuty at
`/v2/enqueue`, Slack at `/api/<method>` and a hook at `/hook`, all on one port of the loopback, until SIGTERM. It writes
the port file and prints the port once it accepts requests. `POST /_script/<pagerduty|slack|hook>` accepts a list of
Answer objects as JSON; an empty list deletes the pending ones.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from tests.fakes import FakeHook, FakePagerDuty, FakeSlack, Ledger, Site


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    ledger = Ledger(arguments.ledger)
    vendors = (FakePagerDuty(ledger), FakeSlack(ledger), FakeHook(ledger, arguments.hook_secret))
    for vendor in vendors if arguments.rate_limits else ():
        vendor.clock = time.time
    site = Site(*vendors, control=True)
    url = await site.start(arguments.port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    # Renamed, so that no reader sees a partial number.
    fresh = arguments.port_file.with_suffix(".new")
    port = url.rpartition(":")[2]
    fresh.write_text(port, encoding="ascii")
    fresh.replace(arguments.port_file)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await stopped.wait()
    await site.stop()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--hook-secret", default="")
    parser.add_argument("--rate-limits", action="store_true", help="answer 429 above the vendors' limits")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
