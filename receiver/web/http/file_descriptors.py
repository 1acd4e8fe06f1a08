"""File descriptors of this process, and the limits for connections of a listener."""

from __future__ import annotations

import resource
from dataclasses import dataclass

KEPT = 64
"""Minimum number of descriptors reserved for outgoing pages and the store; a quarter of the limit if that is more."""
KEPT_AT_MOST = 1024
MOST = 4096
"""Maximum number of connections of one listener, regardless of the limit: 4,096 half-open ones take some 25 MB."""
STREAMS = 2000
"""Maximum number of event streams of one process. Each keeps a connection for hours. Their descriptors are separate, so
that none takes the place of a webhook. A third of the descriptors if that is less."""
PEER_SHARE = 4
"""The fraction of a listener's connections that one peer may have without a valid token."""
BACKLOG = 512


@dataclass(frozen=True)
class Caps:
    """The limits of one listener."""

    listener: int
    """In total."""
    peer: int
    """From one peer, not counting connections whose last request had a valid token."""
    backlog: int
    """In the kernel's queue: the connections accepted in one iteration of the loop must fit into the reserve."""
    streams: int = STREAMS
    """Event streams, which do not count as connections of the listener."""


def raise_limit() -> int:
    """Raise the soft limit of descriptors to the hard limit, and return the limit in effect.

    The usual soft limit is 1024, for programs that use select(2); this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        # macOS reports an infinite hard limit that it does not grant.
        return soft
    return hard


def caps_for(limit: int, listeners: int) -> Caps:
    """Return the caps of each of `listeners` under a limit of descriptors (`resource.RLIM_INFINITY`: no limit)."""
    if limit == resource.RLIM_INFINITY:
        limit = (MOST + KEPT_AT_MOST) * listeners + STREAMS
    kept = min(max(KEPT, min(limit // 4, KEPT_AT_MOST)), limit // 2)
    streams = min(STREAMS, (limit - kept) // 3)
    listener = max(1, min(MOST, (limit - kept - streams) // listeners))
    return Caps(listener, max(1, listener // PEER_SHARE), max(1, min(BACKLOG, kept // (2 * listeners))), streams)
