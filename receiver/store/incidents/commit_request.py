"""The request to write one decision, and its result."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Destination, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary


class StaleVersion(Exception):
    """Another replica committed first: decide again with the new state."""


class RepeatedNotification(Exception):
    """The request was carried out before under the same key: nothing was written now."""

    def __init__(self, uid: str, number: str, version: int, what: str) -> None:
        """`what`: the text that was stored with it the first time."""
        super().__init__(f"taken before, by {number}")
        self.uid = uid
        self.id = number
        self.version = version
        self.what = what


@dataclass(frozen=True)
class OutboxRow:
    """One destination with a pending message: `last` is the sequence number of the last event addressed to it."""

    member: str
    lane: str
    to: Destination
    last: int
    memory: dict[str, Any] | None = None
    """Set if it is known that a message was sent before (an adopted emergency page)."""
    tries: int = 0
    receipt: dict[str, Any] | None = None
    """The receipt of the earlier message."""
    done: bool = False
    """Whether nothing is left to send: the row is not due, unless a replica is currently sending it."""
    put_off_ms: int = 0
    """Milliseconds after which it is due, instead of being leased to the committing replica; 0: at once."""


@dataclass(frozen=True)
class CommitRequest:
    """The data that one decision writes. `incident` None: only tombstones and digests."""

    incident: Incident | None
    about: Incident | None = None
    """If no incident is written: the one that the notification repeats, so that its next copy is answered from it."""
    events: Sequence[Event] = ()
    records: Mapping[str, AlertRecord] = field(default_factory=dict)
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    gone: Sequence[str] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    """Firing fingerprints and their owners when the decision was made; "" is claimed for this incident."""
    freed: Sequence[str] = ()
    pointers: Mapping[str, str] = field(default_factory=dict)
    """Correlation keys that will point to this incident, and where they pointed when the decision was made."""
    turn: tuple[str, int] | None = None
    """The correlation key of the decision, and its counter when it was read."""
    seen: Mapping[str, str] = field(default_factory=dict)
    tombs: Mapping[str, int] = field(default_factory=dict)
    untomb: Sequence[str] = ()
    rows: Sequence[OutboxRow] = ()
    timers: Mapping[str, int] = field(default_factory=dict)
    """Members of the timer lane and their due times (ms); 0 removes one."""
    held: Sequence[tuple[str, str, int]] = ()
    unheld: Sequence[str] = ()
    once: Sequence[str] = ()
    """Idempotency keys of a caller; `what` is stored under them for 7 days."""
    what: str = ""
    storm: tuple[int, int] | None = None
    """For an incident that is new or pages again: it is stale once this many have opened since that time (ms)."""
    again: bool = False
    """Whether it fires again and pages people again, which counts toward a storm like an opening."""
    into: str = ""
    """Where a merged incident's keys and owners point from now on."""
    supersedes: str = ""
    """For a new incident: the uid of the unreadable one that it supersedes."""
    unpoint: Sequence[str] = ()
    """Correlation keys that no longer point to this incident."""
    frees: bool = False
    """Whether it answers, ends or escalates a stored incident: it is written even if the store's memory is full."""
    summary: IncidentSummary | None = None
    """The summary of the written incident, which is stored while it is open."""


@dataclass(frozen=True)
class Committed:
    """The result of a commit: the incident with its id and version, and the rows leased to the committing replica."""

    incident: Incident | None
    leased: tuple[str, ...]
    token: str
    number: int = 0
    """The number of the commit, counted from the first; 0 if no incident was written."""


def committed_as(incident: Incident | None, reply: Sequence[Any], token: str) -> Committed:
    """Parse the answer of `commit.lua` to a written commit of `incident` under `token`."""
    _, number, version, commits, *leased = reply
    done = incident.model_copy(update={"id": number, "version": int(version)}) if incident else None
    return Committed(incident=done, leased=tuple(leased), token=token, number=int(commits))


def new_uid() -> str:
    """Return a unique id."""
    return secrets.token_hex(12)


def new_token() -> str:
    """Return the unique token of a commit and its leases."""
    return secrets.token_hex(8)
