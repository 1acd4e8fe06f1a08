"""Marks a request for the listener of its connection."""

from __future__ import annotations

from aiohttp.web_request import BaseRequest

from receiver.web.http.connection_table import ConnectionState
from receiver.web.http.file_descriptors import STREAMS
from receiver.web.http.server import Connection


def mark_trusted(request: BaseRequest, *, sender: bool) -> None:
    """Note that `request` had a valid token, so that its connection is kept; `sender`: it may send alerts."""
    if isinstance(request.protocol, Connection):
        request.protocol.trust(sender=sender)


def mark_streaming(request: BaseRequest) -> None:
    """Note that the response to `request` is an event stream, which no longer counts toward the listener's cap."""
    if isinstance(request.protocol, Connection):
        request.protocol.listener.table.move(request.protocol, ConnectionState.STREAMING)


def stream_room(request: BaseRequest) -> int:
    """Return the maximum number of event streams of this process."""
    return request.protocol.listener.table.caps.streams if isinstance(request.protocol, Connection) else STREAMS
