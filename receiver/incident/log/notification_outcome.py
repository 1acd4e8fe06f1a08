"""The types of a decision about a notification: the notification, the known state, and what to write."""

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
    """The outcome that is returned to Alertmanager."""

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
    """The decisions for the firing alerts, by fingerprint."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Labels that all alerts of the notification share."""
    unknowns: Sequence[SeverityUnknown] = ()
    """Values that the rules could not use, one entry per occurrence."""
    late: bool = False
    """True for a refused notification that a replica kept: alerts that have ended meanwhile are dropped, not held."""
    released: bool = False
    """True if a hold has ended, or an emergency page was sent: no alert is held again."""
    heard_since: datetime | None = None
    """When its receiver was first seen; None if unknown."""
    team: str = ""
    """The team that owns these alerts by the current configuration; empty: the top level."""
    team_reason: str = ""
    """Why."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """The labels by which its alerts are grouped, which distinguish its incident from others."""
    sender: Sender = ANYBODY
    """The owner of the token of the request."""


@dataclass(frozen=True)
class KeyState:
    """The stored state of a correlation key."""

    pointer: str
    incident: Incident | None
    records: Mapping[str, AlertRecord]
    owners: Mapping[str, str]
    tombs: Mapping[str, int]
    held: Sequence[Alert] = ()
    recent: int = 0
    """How many incidents have opened within `storm.within`."""
    storm: str = ""
    """The uid of the active storm, or ""."""
    lost: frozenset[str] = frozenset()
    """Keys of a finished incident that now lead to another, open incident."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of the stored alerts, by fingerprint; read only if a maintenance window covers a new one."""


@dataclass
class IntakeDecision:
    """The events to write, the outcome, and the reason.

    `incident` None: only digests, tombstones and holds change.
    """

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
    """The alerts held for the group from now on; held alerts that are not among them are released."""
    ignored: int = 0
    """How many resolves were ignored, because their sender may not resolve alerts that another sender reported."""
