"""The words of a decision about a notification: what came in, what is known, what is to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from receiver.model.alert.alert import Alert
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.alert.severity_unknowns import SeverityUnknown
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.severity import Decision


class Outcome(StrEnum):
    """What Alertmanager is told (surfaces.md, What Alertmanager gets)."""

    OPENED = "opened"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    IGNORED = "ignored"


@dataclass(frozen=True)
class NotificationPart:
    """The alerts of one notification that belong to one correlation key."""

    key: str
    group: str
    receiver: str
    truncated: int
    alerts: Sequence[Alert]
    decisions: Mapping[str, Decision]
    """Of the firing alerts, by fingerprint."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Those that all alerts of the notification share."""
    unknowns: Sequence[SeverityUnknown] = ()
    """What the rules could not use, one for each time."""
    late: bool = False
    """True for a copy that a replica has kept since it was refused: what has ended meanwhile is left out, not held."""
    released: bool = False
    """True when a hold has ended, or an emergency was paged: nothing is held again."""
    heard_since: datetime | None = None
    """When its receiver was first seen; None: nobody knows."""
    team: str = ""
    """The team that owns these alerts by the configuration in force; empty: the top level."""
    team_reason: str = ""
    """Why."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """The labels by which its alerts are grouped, which tell its incident from others."""
    sender: Sender = ANYBODY
    """Whose token it came with."""


@dataclass(frozen=True)
class KeyState:
    """What the store knows about the key."""

    pointer: str
    incident: Incident | None
    records: Mapping[str, AlertRecord]
    owners: Mapping[str, str]
    tombs: Mapping[str, int]
    held: Sequence[Alert] = ()
    recent: int = 0
    """How many incidents have opened within the storm's time."""
    storm: str = ""
    """The uid of the storm that is going on, or ""."""
    lost: frozenset[str] = frozenset()
    """Keys of an incident that is over that lead to another one, which is open."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of the alerts that are kept, by fingerprint; read only where a maintenance window holds a new one."""


@dataclass
class IntakeDecision:
    """What is to be written, the word for it, and why. `incident` None: nothing but digests, tombs and holds."""

    outcome: Outcome
    reason: str
    incident: Incident | None = None
    events: Sequence[Event] = ()
    records: dict[str, AlertRecord] = field(default_factory=dict)
    bodies: dict[str, Alert] = field(default_factory=dict)
    gone: Sequence[str] = ()
    owners: dict[str, str] = field(default_factory=dict)
    freed: Sequence[str] = ()
    pointers: dict[str, str] = field(default_factory=dict)
    tombs: dict[str, int] = field(default_factory=dict)
    untomb: Sequence[str] = ()
    held: Sequence[Alert] = ()
    """What is held for the group from now on; what was held and is not in it is let go."""
    ignored: int = 0
    """How many ends were ignored, as their sender may not resolve what another one reported."""
