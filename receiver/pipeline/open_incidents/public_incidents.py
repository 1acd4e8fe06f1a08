"""The published incidents: all open ones, and the newest finished ones."""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import UTC, datetime
from sys import intern
from typing import NamedTuple

from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.model.incident.state import State
from receiver.model.severity import Severity

OVER = 1_000
"""Incidents that are over of which the record is kept, for the bars and months of the status page: about 2 MB."""


class PublishedUpdate(NamedTuple):
    """The parts of an update that the status page shows; a model would take four times the memory."""

    n: int
    status: UpdateStatus
    text: str
    components: tuple[str, ...]
    by: str
    at: datetime
    published_at: datetime | None
    next_update: datetime | None
    cause: str | None
    expected_resolution: datetime | None
    template: bool


class PublicRecord(NamedTuple):
    """The parts of an incident that the status page uses."""

    uid: str
    version: int
    severity: Severity
    state: State
    labels: dict[str, str]
    parts: tuple[str, ...]
    parts_at: datetime | None
    updates: tuple[PublishedUpdate, ...]
    """The published updates."""
    opened_at: datetime
    monitoring_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None

    @property
    def drill(self) -> bool:
        """Return False, because drills are never public."""
        return False


def public_record(incident: Incident) -> PublicRecord | None:
    """Return the public parts of `incident`; None for a drill, and if nothing was published."""
    told = tuple(published_update(update) for update in incident.updates if update.published_at is not None)
    if incident.drill or not told:
        return None
    return PublicRecord(
        incident.uid, incident.version, incident.severity, incident.state, shared_labels(incident.labels),
        incident.parts, _utc(incident.parts_at), told, incident.opened_at.astimezone(UTC),
        _utc(incident.monitoring_at), _utc(incident.resolved_at), _utc(incident.closed_at),
    )  # fmt: skip


def published_update(update: StatusUpdate) -> PublishedUpdate:
    """Return the parts of `update` that the status page shows."""
    return PublishedUpdate(
        update.n, update.status, _shared(update.text), update.components, _shared(update.by), update.at.astimezone(UTC),
        _utc(update.published_at), _utc(update.next_update), update.cause, _utc(update.expected_resolution),
        update.template,
    )  # fmt: skip


def shared_labels(labels: dict[str, str]) -> dict[str, str]:
    """Return the same labels: names and values that several incidents have are one object."""
    return {_shared(name): _shared(value) for name, value in labels.items()}


def _shared(text: str) -> str:
    return intern(str(text))  # freed with the last incident that has it


def _utc(moment: datetime | None) -> datetime | None:
    # A parsed time has its own timezone object, which is as large as the time.
    return moment.astimezone(UTC) if moment is not None else None


class PublicIncidents:
    """An index of published incidents; unpublished ones use no memory."""

    def __init__(self) -> None:
        """Create it empty."""
        self.turns = 0
        """Number of changes: a page built at the same number is still current."""
        self.since: datetime | None = None
        """Since when all published incidents are known; None: the history has not been read yet."""
        self._open: dict[str, PublicRecord] = {}
        self._order: list[tuple[int, str]] = []
        """Opening time and uid of each open incident, in order."""
        self._over: dict[str, PublicRecord] = {}
        self.private_since: dict[str, datetime] = {}
        """When published incidents became private, by uid: nothing older is mailed anymore."""

    def take(self, incident: Incident) -> None:
        """Add a newer snapshot."""
        record, known = public_record(incident), self._open.get(incident.uid)
        if record is not None and known is not None and incident.private:
            # After an incident becomes private, nothing more becomes public unless a person publishes it.
            record = record._replace(severity=known.severity)
        self.drop(incident.uid)
        if record is None:
            return
        self.turns += 1
        if incident.private_at is not None:
            self.private_since[record.uid] = incident.private_at
        if not record.state.over:
            self._open[record.uid] = record
            insort(self._order, (to_ms(record.opened_at), record.uid))
            return
        self._over[record.uid] = record
        if len(self._over) > OVER:
            self.drop(self.over()[-1].uid)

    def remember(self, record: PublicRecord) -> None:
        """Add a finished incident from the history, unless a newer version is known."""
        known = self._over.get(record.uid)
        if record.uid in self._open or (known is not None and known.version >= record.version):
            return
        self.turns += 1
        self._over[record.uid] = record
        if len(self._over) > OVER:
            del self._over[self.over()[-1].uid]

    def drop(self, uid: str) -> None:
        """Remove an incident, if it is here."""
        self.private_since.pop(uid, None)
        record = self._open.pop(uid, None)
        if record is not None:
            del self._order[bisect_left(self._order, (to_ms(record.opened_at), uid))]
        if record is not None or self._over.pop(uid, None) is not None:
            self.turns += 1

    def clear(self) -> None:
        """Remove all."""
        self._open.clear()
        self._order.clear()
        self._over.clear()
        self.private_since.clear()
        self.turns += 1

    def open(self) -> list[PublicRecord]:
        """Return the open ones, newest first."""
        return [self._open[uid] for _, uid in reversed(self._order)]

    def over(self) -> list[PublicRecord]:
        """Return the finished ones that are kept here, newest first."""
        return sorted(self._over.values(), key=lambda one: (to_ms(one.opened_at), one.uid), reverse=True)
