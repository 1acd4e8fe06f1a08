"""What is known about a correlation key when a notification is decided about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.store.client.store_errors import IncidentUnreadable

SEEN_PARTS = 4
"""Parts of what a group's last notification led to."""


@dataclass(frozen=True)
class Seen:
    """What a group's last durable notification led to."""

    digest: str
    severity: str
    uid: str
    id: str


@dataclass(frozen=True)
class Known:
    """Everything about one correlation key at one moment."""

    key: str
    pointer: str
    """The uid that the key led to, or "": checked again by the commit."""
    incident: Incident | None
    records: Mapping[str, AlertRecord]
    owners: Mapping[str, str]
    """Of the firing fingerprints: the uid that holds each, or ""."""
    tombs: Mapping[str, int]
    """Of the firing fingerprints: startsAt (ms) of an end that came without its beginning."""
    held: str
    """The notification that is held for the group, as JSON, or ""."""
    turn: int
    """How many commits there were about this key: checked again by the commit."""
    recent: int = 0
    """How many incidents have opened since the moment that was asked about."""
    storm: str = ""
    """The uid of the storm that is open, or ""."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints that a person has split off, that end while another incident holds them, or that fire and were told
    to another team, and the correlation key where each belongs now."""
    seen: Seen | None = None
    """What the group's last durable notification led to."""
    unreadable: IncidentUnreadable | None = None
    """The incident that it is about, where this version cannot read it; `incident` is None then."""


def seen_of(text: str | None) -> Seen | None:
    """Return what a text of the store says that a group has said last; None where nothing is known."""
    # In another form it is of a later version: then nothing is known, and the notification is decided about.
    parts = text.split("|", 3) if text else []
    return Seen(*parts) if len(parts) == SEEN_PARTS else None
