"""The incidents that the public was told of: all that are open, and the newest of those that are over."""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import datetime
from typing import NamedTuple

from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident, State
from receiver.model.incident.response_records import StatusUpdate
from receiver.model.severity import Severity

OVER = 200
"""Incidents that are over of which the record is kept: the status page shows 50."""


class PublicRecord(NamedTuple):
    """As much of an incident as the status page is made from."""

    uid: str
    version: int
    severity: Severity
    state: State
    labels: dict[str, str]
    parts: tuple[str, ...]
    parts_at: datetime | None
    updates: tuple[StatusUpdate, ...]
    """Those that were published."""
    opened_at: datetime
    monitoring_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None

    @property
    def drill(self) -> bool:
        """Return False: nothing of a drill is public."""
        return False


def public_record(incident: Incident) -> PublicRecord | None:
    """Return what the public may be shown of `incident`; None for a drill, and where nothing was published."""
    told = tuple(update for update in incident.updates if update.published_at is not None)
    if incident.drill or not told:
        return None
    return PublicRecord(
        incident.uid, incident.version, incident.severity, incident.state, incident.labels, incident.parts,
        incident.parts_at, told, incident.opened_at, incident.monitoring_at, incident.resolved_at, incident.closed_at,
    )  # fmt: skip


class PublicIncidents:
    """An index: what was not told to the public costs it nothing."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self.turns = 0
        """How often it has changed: a page that was made at the same count is still right."""
        self._open: dict[str, PublicRecord] = {}
        self._order: list[tuple[int, str]] = []
        """Time of opening and uid of each that is open, in order."""
        self._over: dict[str, PublicRecord] = {}

    def take(self, incident: Incident) -> None:
        """Take over a newer snapshot."""
        record = public_record(incident)
        self.drop(incident.uid)
        if record is None:
            return
        self.turns += 1
        if not record.state.over:
            self._open[record.uid] = record
            insort(self._order, (to_ms(record.opened_at), record.uid))
            return
        self._over[record.uid] = record
        if len(self._over) > OVER:
            del self._over[self.over()[-1].uid]

    def drop(self, uid: str) -> None:
        """Forget an incident, if it is here."""
        record = self._open.pop(uid, None)
        if record is not None:
            del self._order[bisect_left(self._order, (to_ms(record.opened_at), uid))]
        if record is not None or self._over.pop(uid, None) is not None:
            self.turns += 1

    def clear(self) -> None:
        """Forget all."""
        self._open.clear()
        self._order.clear()
        self._over.clear()
        self.turns += 1

    def open(self) -> list[PublicRecord]:
        """Return those that are not over, the newest first."""
        return [self._open[uid] for _, uid in reversed(self._order)]

    def over(self) -> list[PublicRecord]:
        """Return those that are over and are kept here, the newest first."""
        return sorted(self._over.values(), key=lambda one: (to_ms(one.opened_at), one.uid), reverse=True)
