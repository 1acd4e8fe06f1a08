"""The published incidents: all that are open, and the newest of those that are over."""

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
    """What the status page shows of an update: as a model it took four times as much, and thousands are kept."""

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
    """As much of an incident as the status page is made from."""

    uid: str
    version: int
    severity: Severity
    state: State
    labels: dict[str, str]
    parts: tuple[str, ...]
    parts_at: datetime | None
    updates: tuple[PublishedUpdate, ...]
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
    told = tuple(published_update(update) for update in incident.updates if update.published_at is not None)
    if incident.drill or not told:
        return None
    return PublicRecord(
        incident.uid, incident.version, incident.severity, incident.state, shared_labels(incident.labels),
        incident.parts, _utc(incident.parts_at), told, incident.opened_at.astimezone(UTC),
        _utc(incident.monitoring_at), _utc(incident.resolved_at), _utc(incident.closed_at),
    )  # fmt: skip


def published_update(update: StatusUpdate) -> PublishedUpdate:
    """Return what the status page shows of `update`."""
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
    # A time that was parsed brings a timezone of its own, as large as itself.
    return moment.astimezone(UTC) if moment is not None else None


class PublicIncidents:
    """An index: what was not told to the public costs it nothing."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self.turns = 0
        """How often it has changed: a page that was made at the same count is still right."""
        self.since: datetime | None = None
        """From when on all are known; None: the history has not been read yet."""
        self._open: dict[str, PublicRecord] = {}
        self._order: list[tuple[int, str]] = []
        """Time of opening and uid of each that is open, in order."""
        self._over: dict[str, PublicRecord] = {}
        self.private_since: dict[str, datetime] = {}
        """When those that were public and are private now became so, by uid: nothing older is mailed any more."""

    def take(self, incident: Incident) -> None:
        """Take over a newer snapshot."""
        record, known = public_record(incident), self._open.get(incident.uid)
        if record is not None and known is not None and incident.private:
            # Nothing more becomes public of an incident that became private, unless a person publishes it.
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
        """Take over one that is over out of the history, unless it is known better."""
        known = self._over.get(record.uid)
        if record.uid in self._open or (known is not None and known.version >= record.version):
            return
        self.turns += 1
        self._over[record.uid] = record
        if len(self._over) > OVER:
            del self._over[self.over()[-1].uid]

    def drop(self, uid: str) -> None:
        """Forget an incident, if it is here."""
        self.private_since.pop(uid, None)
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
        self.private_since.clear()
        self.turns += 1

    def open(self) -> list[PublicRecord]:
        """Return those that are not over, the newest first."""
        return [self._open[uid] for _, uid in reversed(self._order)]

    def over(self) -> list[PublicRecord]:
        """Return those that are over and are kept here, the newest first."""
        return sorted(self._over.values(), key=lambda one: (to_ms(one.opened_at), one.uid), reverse=True)
