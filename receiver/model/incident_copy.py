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
    over: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        texts = sum(map(len, self.events)) + sum(map(len, self.alerts.values())) + sum(map(len, self.bodies.values()))
        return len(self.state) + texts + 50 * (len(self.events) + len(self.alerts) + len(self.bodies)) + 500
