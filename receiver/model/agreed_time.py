"""What replicas have agreed about time: how far it is from the store's clock, and what their clocks showed last."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AgreedTime:
    """The key `clock` of the store; moments are in milliseconds since the epoch, by the replicas' clocks."""

    offset_ms: int = 0
    """How far the replicas' time is ahead of the store's clock; it is not 0 after that clock has jumped."""
    shown_ms: int | None = None
    """What a replica's clock showed when it was written last; None: no replica has written it yet."""
    slewed_ms: int = 0
    """When the offset was last made smaller."""
    steps: int = 0
    """How often time was set to the store's clock at once: a replica that knows of fewer does so too."""
