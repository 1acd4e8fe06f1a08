"""A service process that a test may tell where to die: `KILL_AT=name:nth python -m tests.faults.service CONFIG`.

With `LET_IN=FILE` it writes down the port of each caller whose connection it has taken: one that the kernel alone
had, in the listener's queue, was not let in.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from aiohttp.web_protocol import RequestHandler

from receiver.app import serve
from receiver.config import load
from tests.faults.points import install


def watch_door(file: Path) -> None:
    """Append the remote port of each connection that is let in to `file`."""
    original = RequestHandler.connection_made

    def wrapped(handler: RequestHandler, transport: asyncio.BaseTransport) -> None:
        with file.open("a", encoding="ascii") as ports:
            ports.write(f"{transport.get_extra_info('peername')[1]}\n")
        original(handler, transport)

    RequestHandler.connection_made = wrapped  # type: ignore[method-assign,assignment]


def main() -> int:
    """Serve the configuration that is named on the command line, and return the service's exit code."""
    config = load(Path(sys.argv[1]), os.environ)
    install(os.environ.get("KILL_AT", ""))
    if os.environ.get("LET_IN"):
        watch_door(Path(os.environ["LET_IN"]))
    return serve(config)


if __name__ == "__main__":
    sys.exit(main())
