"""What this replica remembers of the open incidents while the store cannot be asked, and what the gauges show."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from receiver.metrics import Metrics
from receiver.model.incident import Incident, State
from receiver.model.severity import Severity


class Mirror:
    """Incidents by correlation key: the open ones, and those that were over last."""

    def __init__(self, metrics: Metrics) -> None:
        """Start empty; the beat of the work loop fills it."""
        self.metrics = metrics
        self.after = 0
        """The last commit that was seen."""
        self.turns = 0
        """How often something newer has come: whoever made something of what is here sees whether it holds still."""
        self.listeners: list[Callable[[Incident], None]] = []
        """Told of every newer snapshot."""
        self._by_uid: dict[str, Incident] = {}
        self._by_key: dict[str, Incident] = {}

    def take(self, incidents: Iterable[Incident]) -> None:
        """Take newer snapshots over; an older one than is known is left out."""
        for incident in incidents:
            known = self._by_uid.get(incident.uid)
            if known is not None and known.version >= incident.version:
                continue
            self._by_uid[incident.uid] = incident
            self.turns += 1
            for listener in self.listeners:
                listener(incident)
            for key in incident.keys:
                other = self._by_key.get(key)
                if other is None or other.uid == incident.uid or _follows(incident, other):
                    self._by_key[key] = incident
        self._forget()
        self._show()

    def clear(self) -> list[Incident]:
        """Forget everything, since the store has; return what was open."""
        was_open = self.open()
        self._by_uid, self._by_key = {}, {}
        self.turns += 1
        return was_open

    def at(self, key: str) -> Incident | None:
        """Return the newest incident of a correlation key."""
        return self._by_key.get(key)

    def snapshot(self, uid: str) -> Incident | None:
        """Return what is remembered of an incident."""
        return self._by_uid.get(uid)

    def open(self) -> list[Incident]:
        """Return the incidents that are not over, oldest first."""
        return sorted((i for i in self._by_uid.values() if not i.state.over), key=lambda i: i.opened_at)

    def over(self) -> list[Incident]:
        """Return the incidents that are over and are remembered here, the newest first."""
        return sorted((i for i in self._by_uid.values() if i.state.over), key=lambda i: i.opened_at, reverse=True)

    def _forget(self, most: int = 2000) -> None:
        if len(self._by_uid) <= most:
            return
        over = sorted((i for i in self._by_uid.values() if i.state.over), key=lambda i: i.opened_at)
        for incident in over[: max(0, len(over) - most)]:
            del self._by_uid[incident.uid]
            for key in incident.keys:
                if self._by_key.get(key) is not None and self._by_key[key].uid == incident.uid:
                    del self._by_key[key]

    def _show(self) -> None:
        counts = {(severity, state): 0 for severity in Severity for state in State}
        for incident in self._by_uid.values():
            if not incident.state.over and not incident.drill:
                counts[incident.severity, incident.state] += 1
        for (severity, state), count in counts.items():
            self.metrics.open.labels(severity, state).set(count)


def _follows(incident: Incident, other: Incident) -> bool:
    # The key of what was merged is the other's, which may well be the older of the two.
    if incident.merged != other.merged:
        return other.merged
    return other.opened_at <= incident.opened_at
