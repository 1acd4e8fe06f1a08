"""A replica's copy of a stored incident, which can be written back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class IncidentCopy:
    """The stored texts: they are parsed only when needed, and not decoded, because the store accepts bytes."""

    uid: str
    id: str
    version: int
    state: str
    events: list[str | bytes] = field(default_factory=list)
    alerts: dict[str, str | bytes] = field(default_factory=dict)
    """Fingerprint -> record."""
    bodies: dict[str, str | bytes] = field(default_factory=dict)
    """Fingerprint -> labels and annotations."""
    lean: bool = False
    """Whether it lacks the bodies of its alerts, because it has many."""
    over: bool = False

    @property
    def last_event(self) -> str:
        """The text of the newest entry of its log; "" if the log is empty."""
        last = self.events[-1] if self.events else ""
        return last.decode() if isinstance(last, bytes) else last

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""
        pairs = len(self.alerts) + len(self.bodies)
        texts = (self.events, self.alerts, self.alerts.values(), self.bodies.values())
        return (
            len(self.state) + sum(sum(map(len, found)) for found in texts) + 60 * len(self.events) + 160 * pairs + 500
        )
