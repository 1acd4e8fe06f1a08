"""An incident as it lies in the store, kept by a replica so that it can be written back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class IncidentCopy:
    """Texts as they are stored: nothing is parsed before it is needed."""

    uid: str
    id: str
    version: int
    state: str
    events: list[str] = field(default_factory=list)
    alerts: dict[str, str] = field(default_factory=dict)
    """Fingerprint -> record."""
    bodies: dict[str, str] = field(default_factory=dict)
    """Fingerprint -> labels and annotations."""
    lean: bool = False
    """Whether it is kept without bodies: it has so many alerts."""
    over: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        pairs = len(self.alerts) + len(self.bodies)
        texts = (self.events, self.alerts, self.alerts.values(), self.bodies.values())
        return (
            len(self.state) + sum(sum(map(len, found)) for found in texts) + 60 * len(self.events) + 160 * pairs + 500
        )
