"""A service process that dies at a chosen moment: `KILL_AT=name:nth python -m tests.faults.service CONFIG`.

With `LET_IN=FILE` it records the port of each caller whose connection it has accepted; a connection that was only in
the kernel's listen queue was not accepted. With `BLOCK_AT=FILE` its event loop hangs once the file exists; with
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
from tests.faults.kill_points import install


def watch_door(file: Path) -> None:
    """Append the remote port of each accepted connection to `file`."""
    original = RequestHandler.connection_made

    def wrapped(handler: RequestHandler, transport: asyncio.BaseTransport) -> None:
        with file.open("a", encoding="ascii") as ports:
            ports.write(f"{transport.get_extra_info('peername')[1]}\n")
        original(handler, transport)

    RequestHandler.connection_made = wrapped  # type: ignore[method-assign,assignment]


def block_at(file: Path) -> None:
    """Let the event loop hang, like a callback that never returns, once `file` exists."""
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
    """Serve the configuration on the command line, and return the service's exit code."""
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
