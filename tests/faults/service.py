"""A service process that a test may tell where to die: `KILL_AT=name:nth python -m tests.faults.service CONFIG`.

With `LET_IN=FILE` it writes down the port of each caller whose connection it has taken: one that the kernel alone
had, in the listener's queue, was not let in. With `BLOCK_AT=FILE` its event loop hangs once the file is there; with
`HANG_LIMIT=SECONDS` it is ended that much later.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from aiohttp.web_protocol import RequestHandler

from receiver.app import serve
from receiver.config import load
from receiver.pipeline.worker import hang_detector
from tests.faults.points import install


def watch_door(file: Path) -> None:
    """Append the remote port of each connection that is let in to `file`."""
    original = RequestHandler.connection_made

    def wrapped(handler: RequestHandler, transport: asyncio.BaseTransport) -> None:
        with file.open("a", encoding="ascii") as ports:
            ports.write(f"{transport.get_extra_info('peername')[1]}\n")
        original(handler, transport)

    RequestHandler.connection_made = wrapped  # type: ignore[method-assign,assignment]


def block_at(file: Path) -> None:
    """Let the event loop hang, as a callback that never returns does, once `file` is there."""
    original = hang_detector.HangDetector.start

    def look(loop: asyncio.AbstractEventLoop) -> None:
        if file.exists():
            time.sleep(600)
        loop.call_later(0.05, look, loop)

    def wrapped(detector: hang_detector.HangDetector) -> None:
        original(detector)
        look(asyncio.get_running_loop())

    hang_detector.HangDetector.start = wrapped  # type: ignore[method-assign]


def main() -> int:
    """Serve the configuration that is named on the command line, and return the service's exit code."""
    config = load(Path(sys.argv[1]), os.environ)
    install(os.environ.get("KILL_AT", ""))
    hang_detector.LIMIT = float(os.environ.get("HANG_LIMIT", hang_detector.LIMIT))
    if os.environ.get("BLOCK_AT"):
        block_at(Path(os.environ["BLOCK_AT"]))
    if os.environ.get("LET_IN"):
        watch_door(Path(os.environ["LET_IN"]))
    return serve(config)


if __name__ == "__main__":
    sys.exit(main())
