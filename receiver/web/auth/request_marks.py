"""Marks a request for the listener of its connection."""

from __future__ import annotations

from aiohttp.web_request import BaseRequest

from receiver.web.http.connection_table import ConnectionState
from receiver.web.http.file_descriptors import STREAMS
from receiver.web.http.server import Connection


def mark_trusted(request: BaseRequest, *, sender: bool) -> None:
    """Note that `request` carried a good token, so that its connection is kept; `sender`: it may send alerts."""
    if isinstance(request.protocol, Connection):
        request.protocol.trust(sender=sender)


def mark_streaming(request: BaseRequest) -> None:
    """Note that `request` is answered by an event stream, which counts for no listener's cap from now on."""
    if isinstance(request.protocol, Connection):
        request.protocol.listener.table.move(request.protocol, ConnectionState.STREAMING)


def stream_room(request: BaseRequest) -> int:
    """Return how many event streams this process takes."""
    return request.protocol.listener.table.caps.streams if isinstance(request.protocol, Connection) else STREAMS
