"""File descriptors of this process, and how many of them the connections of a listener may take."""

from __future__ import annotations

import resource
from dataclasses import dataclass

KEPT = 64
"""Descriptors that outgoing pages and the store always have; a quarter of the limit where that is more."""
KEPT_AT_MOST = 1024
MOST = 4096
"""Connections of one listener, whatever the limit: 4,096 half-open ones take some 25 MB."""
STREAMS = 2000
"""Event streams of one process, each of which holds a connection for hours; they have descriptors of their own, so that
none takes the place of a webhook. A third of the descriptors where that is less."""
PEER_SHARE = 4
"""One peer may hold this part of a listener's connections without a good token."""
BACKLOG = 512


@dataclass(frozen=True)
class Caps:
    """How many connections one listener takes."""

    listener: int
    """In total."""
    peer: int
    """From one peer, not counting connections whose last request carried a good token."""
    backlog: int
    """In the kernel's queue: what is accepted in one turn of the loop must fit into the descriptors that are kept."""
    streams: int = STREAMS
    """Event streams, which do not count as connections of the listener."""


def raise_limit() -> int:
    """Raise the soft limit of descriptors to the hard one, and return the limit that is in force.

    1024 is the usual soft limit, for the sake of programs that use select(2); this one does not.
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
