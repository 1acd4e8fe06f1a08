"""The known state of a correlation key for the decision about a notification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.store.client.store_errors import IncidentUnreadable

SEEN_PARTS = 4
"""Number of parts in the stored text."""


@dataclass(frozen=True)
class Seen:
    """The result of a group's last durable notification."""

    digest: str
    severity: str
    uid: str
    id: str


@dataclass(frozen=True)
class Known:
    """The state of one correlation key at one moment."""

    key: str
    pointer: str
    """The uid that the key pointed to, or ""; the commit checks it again."""
    incident: Incident | None
    records: Mapping[str, AlertRecord]
    owners: Mapping[str, str]
    """The uid of the owner of each firing fingerprint, or ""."""
    tombs: Mapping[str, int]
    """For firing fingerprints: startsAt (ms) of an end that arrived without its beginning."""
    held: str
    """The notification held for the group, as JSON, or ""."""
    turn: int
    """The number of commits for this key; the commit checks it again."""
    recent: int = 0
    """How many incidents have opened since the requested time."""
    storm: str = ""
    """The uid of the open storm, or ""."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints that a person split off, that end while another incident owns them, or that fire and belong to
    another team's incident, each with its current correlation key."""
    seen: Seen | None = None
    """The result of the group's last durable notification."""
    unreadable: IncidentUnreadable | None = None
    """The error if this version cannot read the incident; `incident` is None then."""


def seen_of(text: str | None) -> Seen | None:
    """Parse the stored text of a group's last notification; None if there is none."""
    # A different form is from a later version: then nothing is known, and the notification is decided again.
    parts = text.split("|", 3) if text else []
    return Seen(*parts) if len(parts) == SEEN_PARTS else None
