"""The time that replicas have agreed on: its offset from the store's clock, and the last time of their clocks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AgreedTime:
    """The key `clock` of the store; times are in milliseconds since the epoch, by the replicas' clocks."""

    offset_ms: int = 0
    """How far the replicas' time is ahead of the store's clock; not 0 after that clock has jumped."""
    shown_ms: int | None = None
    """The time of a replica's clock when it was last written; None: no replica has written it yet."""
    slewed_ms: int = 0
    """When the offset was last reduced."""
    steps: int = 0
    """How often the time was set to the store's clock at once; a replica with a lower count does so too."""
