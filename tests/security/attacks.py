"""Attacks: incomplete connections, pipelined requests, responses that are never read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

HALF_A_HEAD = b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: receiver\r\nX-Half: "


@contextlib.asynccontextmanager
async def connected(
    port: int, count: int, first: bytes = b"", *, window: int = 0
) -> AsyncIterator[list[socket.socket]]:
    """Yield `count` connections that have each sent `first` and read nothing; `window`: bytes of a receive buffer."""
    loop = asyncio.get_running_loop()
    made: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket()
            made.append(one)
            one.setblocking(False)
            if window:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            # The service may close any of them.
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(loop.sock_connect(one, ("127.0.0.1", port)), 2)
            with contextlib.suppress(OSError):
                if first:
                    one.send(first)
        yield made
    finally:
        for one in made:
            one.close()


def is_open(one: socket.socket) -> bool:
    """Return whether the other side has not closed this connection; received data is read and dropped."""
    try:
        while data := one.recv(65_536):
            del data
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


async def read_for_ever(one: socket.socket) -> None:
    """Read until the other side closes the connection."""
    with contextlib.suppress(OSError):
        while await asyncio.get_running_loop().sock_recv(one, 65_536):
            pass


def pipelined(path: str, count: int, host: str = "receiver") -> bytes:
    """Return `count` pipelined requests for `path`."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() * count
